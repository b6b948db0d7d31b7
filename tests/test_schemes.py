import numpy as np
import pytest

from dnis.schemes import DimensionScheme, make_blocks


def scheme_of(*rows, block_of, **more):
    return DimensionScheme(np.array(rows, dtype=bool), np.array(block_of, dtype=np.int32), **more)


@pytest.fixture
def tiny():
    """Three features of four dimensions; the first two share block 0."""
    return scheme_of([1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0], block_of=[0, 0, 1])


def test_equal_blocks_hold_equally_many_features_most_frequent_first():
    # order of frequency: features 2, 0, 3, 4, 1, 5
    assert make_blocks(np.array([5, 1, 9, 3, 3, 0]), 3).tolist() == [0, 2, 0, 1, 1, 2]


def test_equal_blocks_that_do_not_divide_evenly_differ_by_one_feature():
    assert make_blocks(np.array([5, 4, 3, 2, 1]), 2).tolist() == [0, 0, 0, 1, 1]


def test_features_of_equal_count_keep_their_order():
    assert make_blocks(np.array([2, 2, 2, 2]), 2).tolist() == [0, 0, 1, 1]


def test_no_more_blocks_than_features_come_out():
    assert make_blocks(np.array([1, 3, 2]), 10).tolist() == [2, 0, 1]


def test_blocks_by_magnitude_part_the_counts_at_powers_of_ten():
    counts = np.array([1500, 120, 99, 10, 9, 1, 0, 1000])
    assert make_blocks(counts, 10, "magnitude").tolist() == [0, 1, 2, 2, 3, 3, 3, 0]


def test_blocks_by_magnitude_are_numbered_without_gaps():
    assert make_blocks(np.array([7, 50_000]), 10, "magnitude").tolist() == [1, 0]


def test_blocks_by_magnitude_put_the_rarest_together_when_too_many():
    assert make_blocks(np.array([1500, 120, 99, 1]), 2, "magnitude").tolist() == [0, 1, 1, 1]


def test_every_exact_power_of_ten_starts_a_block_of_its_own():
    powers = 10 ** np.arange(12)
    assert make_blocks(powers, 20, "magnitude").tolist() == list(range(12))[::-1]
    assert make_blocks(powers[1:] - 1, 20, "magnitude").tolist() == list(range(11))[::-1]


def test_blocks_by_field_never_mix_fields():
    counts, field_of = np.array([10, 1, 5, 7, 8]), np.array([0, 0, 0, 1, 1])
    # field 0 in order of frequency: features 0, 2, 1; field 1: features 4, 3
    assert make_blocks(counts, 2, "field", field_of).tolist() == [0, 1, 0, 3, 2]


def test_a_field_with_fewer_features_than_blocks_gets_one_block_each():
    counts, field_of = np.array([10, 1, 5, 7, 8]), np.array([0, 0, 0, 1, 1])
    assert make_blocks(counts, 50, "field", field_of).tolist() == [0, 2, 1, 4, 3]


@pytest.mark.parametrize("kind", ["equal", "magnitude", "field"])
def test_blocks_are_int32_and_number_every_feature(kind):
    rng = np.random.default_rng(0)
    block_of = make_blocks(rng.integers(0, 2000, 57), 6, kind, np.repeat([0, 1, 2], 19))
    assert block_of.dtype == np.int32
    assert np.unique(block_of).tolist() == list(range(block_of.max() + 1))


def test_an_unknown_kind_of_blocks_is_refused_by_its_name():
    with pytest.raises(ValueError, match="equal, magnitude, field; got 'random'"):
        make_blocks(np.array([1, 2]), 2, "random")


def test_blocks_by_field_need_the_fields():
    with pytest.raises(ValueError, match="needs field_of, got None"):
        make_blocks(np.array([1, 2]), 2, "field")


def test_dims_count_what_each_feature_keeps(tiny):
    assert tiny.dims.tolist() == [2, 1, 0]
    assert tiny.n_values == 3
    assert tiny.sparsity == 0.75  # 9 of 12 are gone


def test_block_dims_count_what_any_feature_of_the_block_keeps(tiny):
    assert tiny.block_dims.tolist() == [2, 0]
    crossed = scheme_of([1, 0, 0], [0, 0, 1], [0, 1, 0], block_of=[1, 1, 0])
    assert crossed.block_dims.tolist() == [1, 2]


def test_mean_dims_are_taken_over_the_features_of_a_block(tiny):
    assert tiny.mean_dims_by_block.tolist() == [1.5, 0.0]


def test_a_block_without_features_has_no_dimensions():
    holed = scheme_of([1, 1], [1, 0], block_of=[0, 2])
    assert holed.block_dims.tolist() == [2, 0, 1]
    assert holed.mean_dims_by_block.tolist() == [2.0, 0.0, 1.0]


def test_bytes_of_every_layout_are_those_counted_by_hand(tiny):
    assert tiny.bytes_by_layout == {
        "block": 2 * 2 * 4 + 0 + 2 * 1,  # two rows of two values, an empty block, four bits per block
        "dense": 3 * 2 * 4,  # three rows of the two dimensions in use
        "bitmask": 3 * 4 + 3 * 1,  # three values, four bits per row
        "csr": 3 * (4 + 1) + 4 * 4,  # three values with a column each, four row starts
    }
    assert (tiny.layout, tiny.n_bytes) == ("bitmask", 15)


def test_nine_dimensions_need_a_second_byte_of_bits():
    wide = scheme_of([1] * 9, [0] * 9, block_of=[0, 1])
    assert wide.bytes_by_layout == {"block": 36 + 2 * 2, "dense": 72, "bitmask": 36 + 2 * 2, "csr": 9 * 5 + 12}


def test_a_column_beyond_256_needs_two_bytes():
    def csr(k):
        return scheme_of([1] + [0] * (k - 1), block_of=[0]).bytes_by_layout["csr"]

    assert (csr(256), csr(257)) == (4 + 1 + 8, 4 + 2 + 8)


def test_a_full_table_is_stored_dense_without_any_index():
    full = scheme_of([1, 1], [1, 1], [1, 1], block_of=[0, 0, 0])
    assert (full.layout, full.n_bytes, full.sparsity) == ("dense", 24, 0.0)


def test_an_empty_table_takes_no_bytes():
    empty = scheme_of([0, 0], [0, 0], block_of=[0, 1])
    assert (empty.layout, empty.n_bytes, empty.n_values, empty.sparsity) == ("dense", 0, 0, 1.0)


def test_layouts_of_equal_size_go_by_their_order_on_the_list():
    # block: 4 + 1 bytes, bitmask: 4 + 1 bytes; dense takes 2 * 4 and csr 5 + 8
    single = scheme_of([1] + [0] * 7, block_of=[0])
    assert single.bytes_by_layout == {"block": 5, "dense": 4, "bitmask": 5, "csr": 13}
    # two dimensions in use, one each: block 8 + 2, bitmask 8 + 2, dense 16
    crossed = scheme_of([1, 0], [0, 1], block_of=[0, 1])
    assert crossed.bytes_by_layout["block"] == crossed.bytes_by_layout["bitmask"] == crossed.n_bytes == 10
    assert crossed.layout == "block"


def test_block_dims_turn_into_nested_rows():
    scheme = DimensionScheme.from_block_dims(np.array([2, 1]), np.array([0, 1, 1]), 3)
    assert scheme.mask.tolist() == [[True, True, False], [True, False, False], [True, False, False]]


def test_projections_of_narrower_blocks_count_as_values_and_bytes():
    # K = 3, block dims 3, 2, 1, 0 over 1, 1, 2, 1 features: only d = 2 and d = 1 store a (d, 3) projection
    scheme = DimensionScheme.from_block_dims(np.array([3, 2, 1, 0]), np.array([0, 1, 2, 2, 3]), 3, projected=True)
    assert scheme.n_values == (3 + 2 + 1 + 1) + (2 * 3 + 1 * 3)
    assert scheme.bytes_by_layout == {"block": 7 * 4 + 4 * 1 + 9 * 4}
    assert scheme.layout == "block"


def test_a_masked_table_counts_no_projections():
    assert DimensionScheme.from_block_dims(np.array([2, 1]), np.array([0, 1]), 3).n_values == 3


def test_a_scheme_is_structured_where_all_features_of_a_block_keep_the_same(tiny):
    assert not tiny.structured
    assert scheme_of([1, 0], [1, 0], [0, 1], block_of=[0, 0, 1]).structured


def test_new_frequencies_deal_the_same_block_sizes_anew():
    scheme = scheme_of([1, 1], [1, 0], [1, 0], [0, 0], block_of=[0, 1, 1, 2])
    # in order of the new counts: features 3, 1, 2, 0, of which one takes block 0, two block 1 and one block 2
    again = scheme.regrouped(np.array([1, 8, 8, 9]), np.zeros(4, dtype=int))
    assert again.block_of.tolist() == [2, 1, 1, 0]
    assert again.mask.tolist() == [[False, False], [True, False], [True, False], [True, True]]
    assert again.n_bytes == scheme.n_bytes


def test_new_frequencies_leave_blocks_of_one_field_inside_their_field():
    scheme = scheme_of([1, 1], [1, 0], [0, 1], [0, 0], block_of=[0, 1, 2, 3])
    counts, field_of = np.array([1, 2, 30, 40]), np.array([0, 0, 1, 1])
    assert scheme.regrouped(counts, field_of).block_of.tolist() == [1, 0, 3, 2]
    across = scheme_of([1, 1], [1, 0], [1, 1], [1, 0], block_of=[0, 1, 0, 1])
    assert across.regrouped(counts, field_of).block_of.tolist() == [1, 1, 0, 0]


def test_new_frequencies_do_not_touch_what_single_features_keep(tiny):
    assert tiny.regrouped(np.array([1, 2, 3]), np.zeros(3, dtype=int)) is tiny
