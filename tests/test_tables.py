import numpy as np
import pytest
import torch

from dnis import tables
from dnis.tables import RowTable, adagrad_update, adam_update, adam_updates, put_rows, take_rows

LR = 0.03


def gradients(*shape, steps=8, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=generator, dtype=torch.float64) for _ in range(steps)]


def test_adam_moves_as_torch_does_step_by_step():
    value = gradients(3, 2, steps=1, seed=1)[0]
    theirs = torch.nn.Parameter(value.clone())
    optimiser = torch.optim.Adam([theirs], lr=LR)
    mean, square = torch.zeros_like(value), torch.zeros_like(value)
    for step, grad in enumerate(gradients(3, 2), start=1):
        adam_update(value, mean, square, grad, LR, step)
        theirs.grad = grad.clone()
        optimiser.step()
        torch.testing.assert_close(value, theirs.detach(), rtol=0, atol=1e-14)


def test_adam_moves_several_tensors_as_it_moves_each_alone():
    values = [gradients(*shape, steps=1, seed=2)[0] for shape in ((3, 2), (5,))]
    grads = [gradients(*shape, steps=1, seed=3)[0] for shape in ((3, 2), (5,))]
    means, squares, alone = ([torch.full_like(v, x) for v in values] for x in (0.1, 0.2, 0.0))
    for value, grad, kept in zip(values, grads, alone, strict=True):
        kept.copy_(value)
        adam_update(kept, torch.full_like(value, 0.1), torch.full_like(value, 0.2), grad, LR, 4)
    adam_updates(values, means, squares, grads, LR, 4)
    assert all(torch.equal(moved, kept) for moved, kept in zip(values, alone, strict=True))


def test_adam_keeps_its_epsilon_where_gradients_are_tiny():
    # one step of a gradient as small as epsilon: lr * g / (g + epsilon) = lr / 2
    value, mean, square = (torch.zeros(1, dtype=torch.float64) for _ in range(3))
    adam_update(value, mean, square, torch.tensor([1e-8], dtype=torch.float64), LR, 1)
    assert value.item() == pytest.approx(-LR / 2)


def test_adagrad_moves_as_torch_does_step_by_step():
    value = gradients(3, 2, steps=1, seed=1)[0]
    theirs = torch.nn.Parameter(value.clone())
    optimiser = torch.optim.Adagrad([theirs], lr=LR)
    square = torch.zeros_like(value)
    for grad in gradients(3, 2):
        adagrad_update(value, square, grad, LR)
        theirs.grad = grad.clone()
        optimiser.step()
        torch.testing.assert_close(value, theirs.detach(), rtol=0, atol=1e-14)


def touched(n_rows, steps=8):
    rng = np.random.default_rng(3)
    return [torch.from_numpy(np.sort(rng.choice(n_rows, 3, replace=False))) for _ in range(steps)]


@pytest.fixture(params=[tables.TOGETHER_ROWS, 1], ids=["moments apart", "moments side by side"])
def layout(request, monkeypatch):
    monkeypatch.setattr(tables, "TOGETHER_ROWS", request.param)


@pytest.mark.usefixtures("layout")
@pytest.mark.parametrize(("optimizer", "theirs"), [("adam", torch.optim.SparseAdam), ("adagrad", torch.optim.Adagrad)])
def test_a_table_moves_touched_rows_as_torch_does_with_sparse_gradients(optimizer, theirs):
    start = gradients(6, 2, steps=1, seed=1)[0]
    table, parameter = RowTable(start.clone(), LR, optimizer), torch.nn.Parameter(start.clone())
    optimiser = theirs([parameter], lr=LR)
    for ids, grad in zip(touched(6), gradients(3, 2), strict=True):
        table.push(ids, table.pull(ids), grad)
        with torch.sparse.check_sparse_tensor_invariants():
            parameter.grad = torch.sparse_coo_tensor(ids[None], grad, (6, 2))
            optimiser.step()
    torch.testing.assert_close(table.values, parameter.detach(), rtol=0, atol=1e-7)
    assert not torch.equal(table.values, start)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_put_rows_overwrites_the_named_rows_and_no_other(dtype):
    table = torch.arange(8, dtype=dtype).view(4, 2)
    put_rows(table, torch.tensor([3, 1]), torch.tensor([[60, 70], [20, 30]], dtype=dtype))
    assert table.tolist() == [[0, 1], [20, 30], [4, 5], [60, 70]]


def test_take_rows_copies_the_named_rows():
    table = torch.arange(8.0).view(4, 2)
    rows = take_rows(table, torch.tensor([3, 0, 3]))
    assert rows.tolist() == [[6, 7], [0, 1], [6, 7]]
    rows.zero_()
    assert table[3].tolist() == [6, 7]


def test_put_rows_refuses_a_row_that_is_not_there():
    with pytest.raises(IndexError, match="out of bounds"):
        put_rows(torch.zeros(4, 2), torch.tensor([4]), torch.ones(1, 2))


@pytest.mark.usefixtures("layout")
@pytest.mark.parametrize("optimizer", ["adam", "adagrad"])
def test_rows_that_no_batch_touches_rest(optimizer):
    table = RowTable(torch.ones(4, 2), LR, optimizer)
    for grad in gradients(2, 2):
        ids = torch.tensor([1, 3])
        table.push(ids, table.pull(ids), grad.float())
    assert table.values[[0, 2]].tolist() == [[1.0, 1.0], [1.0, 1.0]]
    assert (table.values[[1, 3]] != 1.0).all()


def test_pulled_rows_are_a_copy():
    table = RowTable(torch.zeros(3, 2), LR)
    table.pull(torch.tensor([1])).add_(5.0)
    assert table.values.abs().sum() == 0.0


@pytest.mark.usefixtures("layout")
@pytest.mark.parametrize("optimizer", ["adam", "adagrad"])
def test_a_reloaded_table_goes_on_bit_for_bit(optimizer):
    def push(table, steps):
        for ids, grad in list(zip(touched(6), gradients(3, 2), strict=True))[steps]:
            table.push(ids, table.pull(ids), grad.float())

    through, stopped = (RowTable(torch.ones(6, 2), LR, optimizer) for _ in range(2))
    push(through, slice(0, 8))
    push(stopped, slice(0, 5))
    resumed = RowTable(torch.zeros(6, 2), LR, optimizer)
    resumed.load(stopped.state())
    push(resumed, slice(5, 8))
    assert torch.equal(resumed.values, through.values)
    assert resumed.steps == through.steps == 8


@pytest.mark.parametrize(
    ("n_rows", "width", "n_held"), [(tables.TOGETHER_ROWS, 2, 1), (tables.TOGETHER_ROWS - 1, 2, 2), (6, 17, 2)]
)
def test_both_layouts_give_the_same_bits_and_short_rows_of_large_tables_lie_side_by_side(n_rows, width, n_held):
    many, few = RowTable(torch.ones(n_rows, width), LR), RowTable(torch.ones(6, width), LR)
    for ids, grad in zip(touched(6), gradients(3, width), strict=True):
        for table in (many, few):
            table.push(ids, table.pull(ids), grad.float())
    assert len(many._held) == n_held
    for name, wanted in few.state().items():
        assert torch.equal(many.state()[name][:6] if wanted.ndim else many.state()[name], wanted)


def test_a_loaded_state_is_not_shared_with_the_table_that_wrote_it():
    writer, reader = RowTable(torch.ones(2, 1), LR), RowTable(torch.ones(2, 1), LR)
    reader.load(writer.state())
    every = torch.tensor([0, 1])
    reader.push(every, reader.pull(every), torch.ones(2, 1))
    assert writer.values.tolist() == [[1.0], [1.0]]
    assert writer.state()["moment0"].tolist() == [[0.0], [0.0]]
