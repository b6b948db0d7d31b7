import numpy as np
import pytest
import torch

from dnis.alphas import AlphaOptimizer
from tests.engine_data import small_config

GRADIENT = torch.tensor([[0.2, -0.4], [0.0, 0.2]])
"""Of mean magnitude 0.2."""


def mover_of(start=0.5, **changes):
    alpha = torch.nn.Parameter(torch.full((2, 2), start))
    return AlphaOptimizer(alpha, np.arange(2), small_config(lr_alpha=0.1, **changes))


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        # L1 adds 0.5 * 0.2: [[0.3, -0.3], [0.1, 0.3]], rows divided by 0.3 and 0.2
        ({"l1_alpha": 0.5}, [[0.4, 0.6], [0.45, 0.35]]),
        # L1 adds 0.4: [[0.6, 0], [0.4, 0.6]], rows divided by 0.3 and 0.5
        ({"l1_alpha": 0.4, "l1_scale": "absolute"}, [[0.3, 0.5], [0.42, 0.38]]),
        ({"l1_alpha": 0.5, "normalise": False}, [[0.47, 0.53], [0.49, 0.47]]),
        ({"l1_alpha": 0.0}, [[0.5 - 0.2 / 3, 0.5 + 0.4 / 3], [0.5, 0.3]]),
        # the first step of Adam is as long as its rate
        ({"l1_alpha": 0.0, "alpha_optimizer": "adam"}, [[0.4, 0.6], [0.5, 0.4]]),
    ],
)
def test_a_step_of_alpha_is_the_one_worked_out_by_hand(changes, wanted):
    mover = mover_of(**changes)
    mover.step(GRADIENT)
    np.testing.assert_allclose(mover.alpha.detach().numpy(), wanted, rtol=1e-5)


def test_a_step_leaves_the_gradient_as_it_was():
    grad = GRADIENT.clone()
    mover_of().step(grad)
    assert torch.equal(grad, GRADIENT)


def test_alpha_is_clipped_to_zero_and_one():
    mover = mover_of(l1_alpha=0.0)
    for _ in range(20):
        mover.step(GRADIENT)
    assert mover.alpha.tolist() == [[0.0, 1.0], [0.5, 0.0]]


def test_adam_moves_alpha_as_torch_does():
    mover = mover_of(alpha_optimizer="adam", l1_alpha=0.0, normalise=False)
    theirs = torch.nn.Parameter(torch.full((2, 2), 0.5))
    optimiser = torch.optim.Adam([theirs], lr=0.1)
    for scale in (1.0, 0.1, -2.0, 0.5):
        mover.step(scale * GRADIENT)
        theirs.grad = scale * GRADIENT
        optimiser.step()
    torch.testing.assert_close(mover.alpha, theirs)
    assert not torch.equal(theirs, torch.full((2, 2), 0.5))


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_dropped_pair_stays_at_zero_while_the_others_move(optimizer):
    mover = mover_of(alpha_optimizer=optimizer, l1_alpha=0.0)
    mover.drop(np.array([[True, False], [True, True]]))
    assert mover.alpha.tolist() == [[0.5, 0.0], [0.5, 0.5]]
    mover.step(GRADIENT)  # would raise the dropped pair
    assert mover.alpha[0, 1] == 0.0
    assert mover.alpha[0, 0] < 0.5


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        # what is kept of the row: 2 and -4 of mean magnitude 3, hence steps of 2/3 and 4/3 of 0.01
        ({"l1_alpha": 0.0}, [0.5 - 0.02 / 3, 0.5 + 0.04 / 3, 0.0, 0.0]),
        # L1 adds half of that magnitude: 3.5 and -2.5, again of mean magnitude 3
        ({"l1_alpha": 0.5}, [0.5 - 0.035 / 3, 0.5 + 0.025 / 3, 0.0, 0.0]),
        ({"l1_alpha": 0.5, "normalise": False}, [0.5 - 0.035, 0.5 + 0.025, 0.0, 0.0]),
    ],
)
def test_what_is_dropped_does_not_change_the_steps_of_what_is_kept(changes, wanted):
    alpha = torch.nn.Parameter(torch.full((1, 4), 0.5))
    mover = AlphaOptimizer(alpha, np.zeros(1, dtype=int), small_config(lr_alpha=0.01, **changes))
    mover.drop(np.array([[True, True, False, False]]))
    mover.step(torch.tensor([[2.0, -4.0, 9.0, -90.0]]))
    np.testing.assert_allclose(alpha.detach().numpy(), [wanted], rtol=1e-5)


def test_a_block_that_is_dropped_whole_stays_at_zero_and_slows_no_other():
    mover = mover_of(l1_alpha=0.5)
    mover.drop(np.array([[False, False], [True, True]]))
    mover.step(GRADIENT)
    # of the second row: mean magnitude 0.1, L1 adds 0.05: 0.05 and 0.25, divided by 0.15
    np.testing.assert_allclose(mover.alpha.tolist(), [[0.0, 0.0], [0.5 - 0.1 / 3, 0.5 - 0.5 / 3]], rtol=1e-5)


def test_a_reloaded_optimiser_goes_on_bit_for_bit():
    def run(mover, scales):
        for scale in scales:
            mover.step(scale * GRADIENT)
        return mover

    config = {"alpha_optimizer": "adam", "l1_alpha": 0.3}
    through = run(mover_of(**config), (1.0, -0.5))
    through.drop(np.array([[True, True], [False, True]]))
    resumed = mover_of(start=1.0, **config)
    resumed.load({name: value.clone() for name, value in through.state().items()})
    run(through, (0.7, -2.0))
    run(resumed, (0.7, -2.0))
    assert torch.equal(resumed.alpha, through.alpha)
    assert resumed.alpha[1, 0] == 0.0
