import torch

from dnis.stopping import EarlyStopping


def run(losses, patience, first_epoch=0):
    """Epoch after which a run of these losses stops, and the best one."""
    stopping, weight = EarlyStopping(patience, first_epoch), torch.zeros(1)
    for epoch, loss in enumerate(losses, start=first_epoch + 1):
        weight.fill_(epoch)
        stopping.update(epoch, loss, lambda: {"weight": weight})
        if stopping.over(epoch):
            return epoch, stopping
    return None, stopping


def test_the_best_epoch_is_kept_as_it_was():
    _, stopping = run([3.0, 1.0, 2.0], patience=9)
    assert (stopping.best_epoch, stopping.best_loss) == (2, 1.0)
    assert stopping.best["weight"].item() == 2.0  # the live tensor has moved on to 3


def test_patience_counts_epochs_since_the_best():
    assert run([3.0, 2.0, 2.5, 2.2, 2.1, 1.0], patience=3)[0] == 5
    assert run([3.0, 2.0, 2.5, 2.2, 1.0], patience=3)[0] is None


def test_an_equal_loss_is_no_improvement():
    assert run([2.0, 2.0, 2.0], patience=2)[1].best_epoch == 1


def test_a_loss_that_is_no_number_is_never_the_best():
    assert run([2.0, float("nan"), 3.0], patience=9)[1].best_epoch == 1


def test_patience_counts_from_the_first_epoch_that_may_be_the_answer():
    stopping = EarlyStopping(patience=2, first_epoch=10)
    assert not stopping.over(11)
    assert stopping.over(12)
