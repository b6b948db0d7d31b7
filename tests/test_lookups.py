import numpy as np
import pytest
import torch

from dnis.lookups import distinct


@pytest.mark.parametrize(("high", "shape"), [(1, (5, 2)), (40, (300, 3)), (2**31 - 1, (500, 2)), (9, (0, 2))])
def test_the_distinct_ids_their_places_and_their_counts_are_those_of_numpy(high, shape):
    ids = torch.randint(0, high, shape, generator=torch.Generator().manual_seed(1))
    features, inverse, times = distinct(ids)
    theirs, places, counts = np.unique(ids.numpy().reshape(-1), return_inverse=True, return_counts=True)
    assert features.tolist() == theirs.tolist()
    assert inverse.tolist() == places.tolist()
    assert times.tolist() == counts.tolist()


def test_the_largest_id_keeps_its_place():
    features, inverse, times = distinct(torch.tensor([2**31 - 1, 0, 2**31 - 1]))
    assert features.tolist() == [0, 2**31 - 1]
    assert inverse.tolist() == [1, 0, 1]
    assert times.tolist() == [1, 2]
