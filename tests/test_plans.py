"""Spec files become cells, each once."""

import json

import pytest

from dnis.plans import read_plan
from dnis.reading import DataError


def spec(tmp_path, content, name="spec.json"):
    path = tmp_path / name
    path.write_text(json.dumps(content))
    return path


def test_a_grid_becomes_a_search_per_combination(tmp_path):
    grid = {"lr": [0.002, 0.005], "seed": [0, 1, 2]}
    path = spec(tmp_path, {"data": "sample:movielens-small", "config": {"epochs": 5}, "grid": grid})
    cells = read_plan([path])
    settings = [{"epochs": 5, "lr": lr, "seed": seed} for lr in (0.002, 0.005) for seed in (0, 1, 2)]
    assert [cell.job["config"] for cell in cells] == settings
    assert [cell.label for cell in cells][:2] == ["lr=0.002 seed=0", "lr=0.002 seed=1"]
    assert len({cell.folder for cell in cells}) == len({cell.key for cell in cells}) == 6
    assert all(cell.job["data"]["source"] == "sample:movielens-small" for cell in cells)


def test_the_same_cell_of_two_specs_is_planned_once(tmp_path):
    one = spec(tmp_path, {"data": "sample:adult", "grid": {"seed": [0, 1]}}, "one.json")
    other = spec(tmp_path, {"data": "sample:adult", "grid": {"seed": [1, 2]}}, "other.json")
    assert [cell.label for cell in read_plan([one, other])] == ["seed=0", "seed=1", "seed=2"]


def test_a_comparison_becomes_a_cell_per_method_in_one_folder(tmp_path):
    config = {"methods": ["uniform", "dnis"], "seeds": [0], "search": {"epochs": 3}}
    cells = read_plan([spec(tmp_path, {"kind": "compare", "data": "sample:adult", "config": config})])
    assert [cell.method for cell in cells] == ["uniform", "dnis"]
    assert len({cell.folder for cell in cells}) == 1
    assert len({cell.key for cell in cells}) == 2


def test_a_path_is_made_whole_for_workers_elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (cell,) = read_plan([spec(tmp_path, {"data": {"source": "log.csv", "strategy": "random"}})])
    assert cell.job["data"]["source"] == str(tmp_path / "log.csv")
    assert cell.job["data"]["strategy"] == "random"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ([], "kind search or compare, got None"),
        ({"kind": "train", "data": "x"}, "got 'train'"),
        ({"data": "x", "gird": {}}, "unknown key 'gird'"),
        ({"data": 3}, "got 3"),
        ({"data": "x", "grid": {"lr": []}}, "grid must name settings with a list of values each"),
        ({"data": "x", "grid": {"learning": [1]}}, "unknown setting 'learning'"),
        ({"data": "x", "grid": {"lr": [0.1, 2.0]}}, "lr"),
        ({"kind": "compare", "data": "x", "config": {"methods": ["dnis"]}}, "uniform"),
        ({"kind": "compare", "data": "x", "grid": {}}, "unknown key 'grid'"),
        ({"data": {"source": 5}}, "source must be text, got 5"),
        ({"data": {"source": "x", "columns": {"user": "u"}}}, "columns must be a list of pairs of texts, got {'user'"),
        ({"data": {"source": "x", "columns": [["user"]]}}, "columns must be a list of pairs of texts, got"),
        ({"data": {"source": "x", "strategy": 3}}, "strategy must be text or null, got 3"),
        ({"data": "x", "config": 5}, "config must be an object of settings, got 5"),
        ({"data": "x", "config": {"hidden": 64}}, "hidden must be a list of whole numbers, got 64"),
        ({"data": "x", "config": {"normalise": "no"}}, "normalise must be true or false, got 'no'"),
        ({"data": "x", "config": {"preset": ["released"]}}, "preset must be one of default, released; got"),
        ({"data": "x", "config": {"task": ["ctr"]}}, "task must be one of rating, ctr, topk; got"),
        ({"data": "x", "grid": {"freeze_dense": [1]}}, "freeze_dense must be true or false, got 1"),
        ({"kind": "compare", "data": "x", "config": {"search": 5}}, "search must be an object of settings, got 5"),
        ({"kind": "compare", "data": "x", "config": {"methods": "uniform"}}, "methods must be a list of texts"),
        ({"kind": "compare", "data": "x", "config": {"compressions": 4}}, "compressions must be a list of numbers"),
    ],
)
def test_a_wrong_spec_is_refused_by_name(tmp_path, content, said):
    path = spec(tmp_path, content)
    with pytest.raises(DataError, match=said) as caught:
        read_plan([path])
    assert str(path) in str(caught.value)
