import pytest
import torch

from dnis.pairs import sum_pairs


def drawn(n_fields, width=4, n=6):
    shape = n, n_fields, width
    return torch.randn(shape, generator=torch.Generator().manual_seed(n_fields), dtype=torch.float64).requires_grad_()


def pair_by_pair(rows):
    n_fields = rows.shape[1]
    return sum((rows[:, i] * rows[:, j]).sum(-1) for i in range(n_fields) for j in range(i + 1, n_fields))


@pytest.mark.parametrize("n_fields", [2, 3, 7])
def test_the_sum_is_that_of_the_pairs_one_by_one(n_fields):
    rows = drawn(n_fields)
    assert torch.allclose(sum_pairs(rows), pair_by_pair(rows), atol=1e-12)


def test_a_single_field_has_no_pairs():
    assert torch.allclose(sum_pairs(drawn(1)), torch.zeros(6, dtype=torch.float64), atol=1e-12)


def test_two_fields_multiply_to_the_bit():
    rows = drawn(2).detach().float()
    assert torch.equal(sum_pairs(rows), (rows[:, 0] * rows[:, 1]).sum(-1))


@pytest.mark.parametrize("n_fields", [1, 2, 3, 7])
def test_its_gradient_and_the_gradient_of_that_are_right(n_fields):
    rows = drawn(n_fields)
    assert torch.autograd.gradcheck(sum_pairs, rows)
    assert torch.autograd.gradgradcheck(sum_pairs, rows)


def test_the_gradient_of_two_fields_is_the_same_whether_or_not_it_is_differentiated_again():
    rows, weight = drawn(2), torch.arange(6, dtype=torch.float64)
    plain, kept = (torch.autograd.grad(sum_pairs(rows), rows, weight, create_graph=again)[0] for again in (False, True))
    assert torch.equal(plain, kept.detach())
    assert not plain.requires_grad
    assert kept.requires_grad
