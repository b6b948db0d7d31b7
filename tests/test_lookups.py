import numpy as np
import pytest
import torch

from dnis.lookups import SPARSE, distinct


@pytest.mark.parametrize("n_rows", [1, 40, SPARSE * 900, SPARSE * 900 + 1, 2**31])
@pytest.mark.parametrize("shape", [(300, 3), (0, 2)])
def test_the_distinct_ids_their_places_and_their_counts_are_those_of_numpy(n_rows, shape):
    ids = torch.randint(0, n_rows, shape, generator=torch.Generator().manual_seed(1))
    features, inverse, times = distinct(ids, n_rows)
    theirs, places, counts = np.unique(ids.numpy().reshape(-1), return_inverse=True, return_counts=True)
    assert features.tolist() == theirs.tolist()
    assert inverse.tolist() == places.tolist()
    assert times.tolist() == counts.tolist()


def test_counting_and_sorting_give_the_same_kinds_of_numbers():
    ids = torch.tensor([3, 1, 3])
    counted, ordered = distinct(ids, 3 * SPARSE), distinct(ids, 3 * SPARSE + 1)
    for one, other in zip(counted, ordered, strict=True):
        assert one.dtype == other.dtype == torch.int64
        assert torch.equal(one, other)


def test_the_largest_id_keeps_its_place():
    features, inverse, times = distinct(torch.tensor([2**31 - 1, 0, 2**31 - 1]), 2**31)
    assert features.tolist() == [0, 2**31 - 1]
    assert inverse.tolist() == [1, 0, 1]
    assert times.tolist() == [1, 2]
