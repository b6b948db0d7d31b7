import numpy as np
import pytest
import torch

from dnis.schemes import DimensionScheme
from dnis.selection import HardSelection, ProjectedSelection, SoftSelection, UniformSelection, make_selection


@pytest.fixture
def scheme():
    mask = np.array([[1, 1, 0], [1, 0, 0], [0, 1, 1]], dtype=bool)
    return DimensionScheme(mask, np.array([0, 0, 1]), alpha=np.array([[0.5, 1.0, 1.0], [1.0, 0.2, 0.0]]))


@pytest.fixture
def projected():
    """K = 3; block 0 keeps 2 dimensions, block 1 all, block 2 none, block 3 one."""
    scheme = DimensionScheme.from_block_dims(np.array([2, 3, 0, 1]), np.array([0, 1, 2, 0, 3]), 3, projected=True)
    return ProjectedSelection(scheme, torch.Generator().manual_seed(0))


def test_uniform_selection_leaves_rows_alone():
    rows = torch.rand(2, 3)
    assert UniformSelection()(rows, torch.tensor([4, 5])) is rows


def test_soft_selection_weighs_each_row_by_the_alpha_of_its_block():
    layer = SoftSelection(np.array([1, 0, 1]), embedding_dim=2)
    with torch.no_grad():
        layer.alpha.copy_(torch.tensor([[0.5, 1.0], [0.0, 0.25]]))
    rows = torch.tensor([[2.0, 4.0], [8.0, 4.0]])
    assert layer(rows, torch.tensor([1, 2])).tolist() == [[1.0, 4.0], [0.0, 1.0]]


def test_soft_selection_starts_with_one_alpha_per_block_and_dimension():
    layer = SoftSelection(np.array([0, 2, 1]), embedding_dim=2, start=0.75)
    assert layer.alpha.tolist() == [[0.75, 0.75]] * 3


def test_the_gradient_of_alpha_sums_over_the_features_of_a_block():
    layer = SoftSelection(np.array([0, 0, 1]), embedding_dim=2)
    layer(torch.tensor([[1.0, 2.0], [10.0, 20.0], [3.0, 4.0]]), torch.tensor([0, 1, 2])).sum().backward()
    assert layer.alpha.grad.tolist() == [[11.0, 22.0], [3.0, 4.0]]


def test_alpha_does_not_train_together_with_the_weights():
    assert SoftSelection(np.array([0]), embedding_dim=2).weights() == []


def test_hard_selection_zeroes_what_the_mask_drops_and_keeps_alpha(scheme):
    rows = torch.full((3, 3), 2.0)
    assert HardSelection(scheme)(rows, torch.arange(3)).tolist() == [
        [1.0, 2.0, 0.0],
        [1.0, 0.0, 0.0],
        [0.0, pytest.approx(0.4), 0.0],
    ]


def test_hard_selection_without_alpha_only_masks(scheme):
    plain = HardSelection(DimensionScheme(scheme.mask, scheme.block_of))
    assert plain(torch.full((1, 3), 2.0), torch.tensor([2])).tolist() == [[0.0, 2.0, 2.0]]


def test_dropped_entries_get_no_gradient(scheme):
    rows = torch.rand(3, 3, requires_grad=True)
    HardSelection(DimensionScheme(scheme.mask, scheme.block_of))(rows, torch.arange(3)).sum().backward()
    assert rows.grad.tolist() == scheme.mask.astype(float).tolist()


def test_the_penalty_leaves_dropped_entries_at_rest(scheme):
    assert HardSelection(scheme).penalised(torch.full((1, 3), 2.0), torch.tensor([1])).tolist() == [[2.0, 0.0, 0.0]]


def test_a_fixed_scheme_has_nothing_to_train(scheme):
    layer = HardSelection(scheme)
    assert layer.weights() == list(layer.parameters()) == []


def test_projection_lifts_the_first_dimensions_of_each_row_by_the_matrix_of_its_block(projected):
    features = torch.tensor([3, 4, 1, 0, 2])
    rows = torch.randn(5, 3, generator=torch.Generator().manual_seed(1))
    lift = projected.lift.detach().numpy()
    wanted = []
    for feature, row in zip(features.tolist(), rows.numpy(), strict=True):
        width = [2, 3, 0, 2, 1][feature]
        block = [0, 1, 2, 0, 3][feature]
        lifted = sum((row[d] * lift[block, d] for d in range(width)), np.zeros(3))
        wanted.append(row if width == 3 else lifted)
    np.testing.assert_allclose(projected(rows, features).detach().numpy(), wanted, rtol=1e-6, atol=1e-7)


def test_projection_of_a_block_without_dimensions_is_zero(projected):
    assert projected(torch.ones(1, 3), torch.tensor([2])).tolist() == [[0.0, 0.0, 0.0]]


def test_projections_start_near_the_identity_and_depend_on_the_seed_alone():
    scheme = DimensionScheme.from_block_dims(np.array([20]), np.array([0]), 40, projected=True)
    one, same, other = (ProjectedSelection(scheme, torch.Generator().manual_seed(s)).lift for s in (0, 0, 1))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    noise = (one - torch.eye(40)).detach()
    assert noise.std().item() == pytest.approx(0.1 / 40**0.5, rel=0.05)


def test_the_penalty_of_a_projected_row_is_that_of_the_lifted_row(projected):
    rows = torch.randn(1, 3, generator=torch.Generator().manual_seed(1))
    lift = projected.lift.detach()[0, :2]
    lifted = rows[:, :2] @ lift
    wanted = torch.cat([lifted @ lift.T, torch.zeros(1, 1)], dim=1)
    with torch.no_grad():  # as in a weight step
        found = projected.penalised(rows, torch.tensor([0]))
    torch.testing.assert_close(found, wanted)


def test_projections_train_together_with_the_weights(projected):
    assert projected.weights() == [projected.lift]


@pytest.mark.parametrize(("projected", "kind"), [(False, HardSelection), (True, ProjectedSelection)])
def test_a_scheme_asks_for_the_selection_that_can_hold_it(projected, kind):
    scheme = DimensionScheme.from_block_dims(np.array([1]), np.array([0]), 2, projected)
    assert type(make_selection(scheme, torch.Generator())) is kind
    assert type(make_selection(None, torch.Generator())) is UniformSelection
