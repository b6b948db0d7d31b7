import numpy as np
import pytest

from dnis.bilevel import search
from dnis.budgets import block_energy, compression_for, kept_pairs, kept_share
from dnis.schemes import DimensionScheme
from tests.judging_data import full_bytes, judging_config, planted_split


def test_the_table_shrinks_geometrically_over_its_rounds_after_the_warm_start():
    shares = [kept_share(epoch, rounds=8, compression=16.0) for epoch in (-1, 0, 2, 4, 8, 50)]
    assert shares == pytest.approx([1, 1, 1 / 2, 1 / 4, 1 / 16, 1 / 16])


def test_without_compression_the_table_keeps_its_size():
    assert kept_share(epoch=7, rounds=8, compression=1.0) == 1.0


@pytest.mark.parametrize(
    ("budget", "compression"),
    [
        ("8x", 8),
        ("8", 8),
        (" 2.5 X ", 2.5),
        ("200 kB", 4),
        ("200kb", 4),
        ("0.4 MB", 2),
        ("1,000 B", 800),
        ("1 GB", 1),
        ("1,000.5 B", 800_000 / 1000.5),
        ("1,000,000 B", 1),
        (".4 MB", 2),
    ],
)
def test_a_budget_is_read_as_a_share_of_the_full_table(budget, compression):
    assert compression_for(budget, full_bytes=800_000) == pytest.approx(compression)


@pytest.mark.parametrize("budget", ["", "x", "0x", "-8x", "8 apples", "1e3 kB", "nan", "200 kB extra"])
def test_a_budget_that_cannot_be_read_is_refused(budget):
    with pytest.raises(ValueError, match="a budget is such as 8x, 200 kB or 1.5 MB; got"):
        compression_for(budget, full_bytes=800_000)


@pytest.mark.parametrize("budget", ["1,5 MB", "1,50 MB", "0,500 MB", "1000,000 B", "1,000,00 B", ",5 MB", "1,,000 B"])
def test_a_comma_that_does_not_stand_between_thousands_is_refused(budget):
    with pytest.raises(ValueError, match=rf"1\.5 MB; got '{budget}' \(commas .*: write 1\.5, not 1,5\)$"):
        compression_for(budget, full_bytes=800_000)


# blocks of three and of one feature; alpha^2 * mean e^2 over the block, by hand: [[1, 4], [9, 2.25]]
ALPHA = np.array([[0.5, 1.0], [1.0, 0.5]], dtype=np.float32)
EMBEDDINGS = np.array([[2, 2], [2, 2], [2, 2], [3, 3]], dtype=np.float32)
BLOCK_OF = np.array([0, 0, 0, 1])
INDEX = 0.5  # values: two blocks of one byte each


def kept_in(alpha, embeddings, block_of, share):
    energy = block_energy(embeddings, block_of, len(alpha))
    return kept_pairs(alpha, energy, np.bincount(block_of, minlength=len(alpha)), share)


def kept_of(n_values):
    return kept_in(ALPHA, EMBEDDINGS, BLOCK_OF, share=(n_values + INDEX) / 8).tolist()


@pytest.mark.parametrize(
    ("n_values", "wanted"),
    [
        (8, [[True, True], [True, True]]),
        (7, [[False, True], [True, True]]),
        (4, [[False, True], [True, False]]),
        (3, [[False, False], [True, True]]),  # 4 is next, but its three values do not fit; 2.25 does
        (0, [[False, False], [False, False]]),
    ],
)
def test_pairs_stay_in_the_order_of_their_worth_per_value_as_long_as_they_fit(n_values, wanted):
    assert kept_of(n_values) == wanted


def test_a_pair_that_is_gone_stays_gone():
    alpha = np.array([[0.5, 0.0], [1.0, 0.5]], dtype=np.float32)
    assert kept_in(alpha, EMBEDDINGS, BLOCK_OF, share=2.0).tolist() == [[True, False], [True, True]]


def test_what_stays_fits_the_share_with_its_index_whatever_the_blocks():
    rng = np.random.default_rng(0)
    for share in (0.5, 0.2, 0.05):
        block_of = np.sort(np.concatenate([np.arange(5), rng.integers(0, 5, 60)]))
        kept = kept_in(rng.random((5, 12)), rng.normal(0, 1, (65, 12)), block_of, share)
        size = DimensionScheme(kept[block_of], block_of).bytes_by_layout["block"]
        smallest = 4 * np.bincount(block_of).min()
        assert share * 4 * 65 * 12 - smallest < size <= share * 4 * 65 * 12


def test_a_search_that_is_told_its_budget_ends_there():
    split, config = planted_split(), judging_config(compression=4.0, epochs=12)
    found = search(split, config)
    size = DimensionScheme((found.alpha > 0)[found.block_of], found.block_of).bytes_by_layout["block"]
    one_pair = 4 * np.bincount(found.block_of).max()
    assert full_bytes(split, config) / 4 - one_pair < size <= full_bytes(split, config) / 4


def test_a_search_that_is_told_its_budget_thins_out_evenly_over_eight_epochs():
    split, config = planted_split(), judging_config(compression=4.0, epochs=12, warm_epochs=1)
    history = search(split, config).history
    kept = [float((event.alpha > 0).mean()) for event in history]
    one_pair = 1 / 32
    # after the warm epoch, 4^(-1 / 8) = 0.84 and so on; one byte of index per block of 50 rows of 8 values
    for epoch, share in enumerate(kept[1:9], start=1):
        assert 4 ** (-epoch / 8) - 1.5 * one_pair < share <= 4 ** (-epoch / 8)
    assert kept[0] == 1
    assert max(kept[9:]) <= 1 / 4
