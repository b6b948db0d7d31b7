"""The bytes that a scheme promises are the bytes of the file, and nothing is lost in it."""

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dnis import loader
from dnis.loader import load_table, read_packed
from dnis.packing import pack_table, row_order, save_packed
from dnis.schemes import LAYOUTS, DimensionScheme

N, K = 50, 20
RNG = np.random.default_rng(0)
TABLE = RNG.normal(size=(N, K)).astype(np.float32)
BLOCK_OF = RNG.permutation(np.repeat([0, 1, 2, 3, 4], 10)).astype(np.int32)


def scheme_that_is_smallest_as(layout):
    if layout == "dense":
        return DimensionScheme.from_block_dims(np.full(5, 12), BLOCK_OF, K)
    if layout == "block":
        return DimensionScheme.from_block_dims(np.array([20, 9, 4, 2, 0]), BLOCK_OF, K)
    share = {"bitmask": 0.5, "csr": 0.005}[layout]
    return DimensionScheme(np.random.default_rng(1).random((N, K)) < share, BLOCK_OF)


def scheme_wide_and_nearly_empty():
    mask = np.random.default_rng(1).random((200, 512)) < 0.01
    return DimensionScheme(mask, np.repeat([0, 1], 100).astype(np.int32))


def bytes_after_the_header(path):
    raw = path.read_bytes()
    return len(raw) - 8 - int.from_bytes(raw[:8], "little")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_n_bytes_is_the_size_of_the_file_without_its_header(tmp_path, layout):
    scheme = scheme_wide_and_nearly_empty() if layout == "csr" else scheme_that_is_smallest_as(layout)
    table = np.ones(scheme.mask.shape, dtype=np.float32)
    assert scheme.layout == layout
    assert bytes_after_the_header(save_packed(tmp_path / "t.safetensors", scheme, table)) == scheme.n_bytes


@pytest.mark.parametrize("stored_as", LAYOUTS)
@pytest.mark.parametrize("smallest_as", LAYOUTS)
def test_every_layout_gives_back_the_masked_table_and_has_the_promised_size(tmp_path, smallest_as, stored_as):
    scheme = scheme_that_is_smallest_as(smallest_as)
    path = save_packed(tmp_path / "t.safetensors", scheme, TABLE, stored_as)
    expected = (TABLE * scheme.mask)[row_order(scheme, stored_as)]
    np.testing.assert_array_equal(load_table(path), expected)
    assert bytes_after_the_header(path) == scheme.bytes_by_layout[stored_as]


def test_the_header_names_the_layout_and_the_shape(tmp_path):
    scheme = scheme_that_is_smallest_as("bitmask")
    arrays, texts = read_packed(save_packed(tmp_path / "t.safetensors", scheme, TABLE))
    assert texts == {"layout": "bitmask", "n_rows": "50", "embedding_dim": "20"}
    assert arrays["values"].shape == (scheme.n_values,)


def test_csr_by_hand():
    scheme = DimensionScheme(np.array([[True, False], [False, False], [True, True]]), np.zeros(3, dtype=np.int32))
    packed = pack_table(scheme, np.array([[1, 2], [3, 4], [5, 6]]), "csr")
    assert {name: array.tolist() for name, array in packed.items()} == {
        "values": [1, 5, 6],
        "columns": [0, 0, 1],
        "row_starts": [0, 1, 1, 3],
    }


def test_a_projected_table_is_lifted_by_the_loader(tmp_path):
    dims = np.array([20, 8, 4, 2, 0])
    scheme = DimensionScheme.from_block_dims(dims, BLOCK_OF, K, projected=True)
    projections = {b: RNG.normal(size=(dims[b], K)).astype(np.float32) for b in (1, 2, 3)}
    path = save_packed(tmp_path / "t.safetensors", scheme, TABLE, projections=projections)
    expected = TABLE * scheme.mask
    for block, projection in projections.items():
        here = scheme.block_of == block
        expected[here] = TABLE[here][:, : dims[block]] @ projection
    np.testing.assert_allclose(load_table(path), expected[row_order(scheme)], rtol=1e-6)
    assert bytes_after_the_header(path) == scheme.n_bytes


def test_the_loader_has_fewer_than_thirty_lines_of_code():
    tree = ast.parse(Path(loader.__file__).read_text())
    for node in ast.walk(tree):  # without docstrings
        if isinstance(node, ast.Module | ast.FunctionDef) and ast.get_docstring(node):
            node.body.pop(0)
    assert sum(bool(line.strip()) for line in ast.unparse(tree).splitlines()) < 30


def test_the_loader_alone_and_numpy_are_enough(tmp_path):
    scheme = scheme_that_is_smallest_as("block")
    save_packed(tmp_path / "t.safetensors", scheme, TABLE)
    shutil.copy(loader.__file__, tmp_path / "load_table.py")
    code = (
        "import sys, load_table; t = load_table.load_table('t.safetensors'); "
        "assert not {'dnis', 'safetensors', 'torch'} & set(sys.modules); print(t.shape, float(t.sum()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    shape, total = done.stdout.rsplit(" ", 1)
    assert shape == "(50, 20)"
    assert float(total) == pytest.approx(float((TABLE * scheme.mask).sum()), rel=1e-5)


@pytest.mark.parametrize(
    ("table", "layout", "projected", "sentence"),
    [
        (TABLE[:3], None, False, r"shape \(50, 20\), got \(3, 20\)"),
        (TABLE, "zip", False, "layout must be one of .* got 'zip'"),
        (TABLE, "csr", True, "'csr' cannot hold a projected table"),
    ],
)
def test_what_does_not_fit_is_refused(table, layout, projected, sentence):
    scheme = DimensionScheme.from_block_dims(np.full(5, 4), BLOCK_OF, K, projected=projected)
    with pytest.raises(ValueError, match=sentence):
        pack_table(scheme, table, layout)


def test_an_unknown_layout_in_a_header_is_refused(tmp_path):
    path = save_packed(tmp_path / "t.safetensors", scheme_that_is_smallest_as("bitmask"), TABLE)
    path.write_bytes(path.read_bytes().replace(b'"bitmask"', b'"bitcask"'))
    with pytest.raises(ValueError, match="got 'bitcask'"):
        load_table(path)
