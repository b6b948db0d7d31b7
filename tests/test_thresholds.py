import numpy as np
import pytest

from dnis import thresholds
from dnis.bilevel import search
from dnis.pruning import prune, sweep, sweep_thresholds
from dnis.results import Fitted
from dnis.settings import TrainConfig
from dnis.tasks import TASKS, evaluate
from dnis.thresholds import metrics_at, one_pass
from tests.engine_data import TASK_MODELS, interactions, small_config, small_split

FIELDS = {"MF": 2, "topk": 2}


def searched(task, model):
    split = small_split(task, FIELDS.get(model, FIELDS.get(task, 4)))
    return split, search(split, small_config(task, model=model, epochs=3, warm_epochs=1, lr_alpha=0.2))


def one_evaluation_per_cut(result, split, at):
    """The slow way: prune, mask and evaluate for every threshold."""
    metric = TASKS[result.config.task].metric
    schemes = [prune(result, threshold=float(t)) for t in at]
    measured = [
        [evaluate(result.fitted(s.mask), part, split.train)[metric] for part in (split.select_val, split.test)]
        for s in schemes
    ]
    return np.array([[s.sparsity, s.n_values, s.n_bytes, *m] for s, m in zip(schemes, measured, strict=True)])


@pytest.mark.parametrize(("task", "model"), TASK_MODELS)
def test_a_sweep_says_what_an_evaluation_per_cut_says(task, model):
    split, result = searched(task, model)
    table = sweep(result, split)
    expected = one_evaluation_per_cut(result, split, table.threshold)
    np.testing.assert_allclose(table.to_numpy()[:, 1:], expected, rtol=0, atol=1e-5)
    assert len(np.unique(expected[:, 4].round(5))) > (2 if task == "topk" else 10)


def test_a_sweep_is_the_same_in_many_passes_over_few_cuts(monkeypatch):
    split, result = searched("rating", "FM")
    whole = sweep(result, split)
    monkeypatch.setattr(thresholds, "HELD_SCORES", 60 * 7)
    monkeypatch.setattr(thresholds, "_BLOCK_ROWS", 13)
    np.testing.assert_allclose(sweep(result, split).to_numpy(), whole.to_numpy(), rtol=1e-6)


@pytest.mark.parametrize(("model", "n_thresholds"), [("MF", 188), ("DeepFM", 40)])
def test_a_sweep_takes_more_thresholds_where_one_pass_measures_them_all(model, n_thresholds):
    split, result = searched("rating", model)
    assert sweep(result, split).threshold.tolist() == sweep_thresholds(result, n_thresholds).tolist()
    assert one_pass("rating", model) == (n_thresholds == 188)


def test_thresholds_may_come_in_any_order_and_twice():
    split, result = searched("rating", "MF")
    table = sweep(result, split, [0.3, 0.0, 0.3, 9.0])
    assert table.threshold.tolist() == [0.3, 0.0, 0.3, 9.0]
    np.testing.assert_allclose(
        table.to_numpy()[:, 1:], one_evaluation_per_cut(result, split, table.threshold), rtol=0, atol=1e-5
    )


@pytest.mark.parametrize("wrong", [-0.1, float("nan"), float("inf")])
def test_a_threshold_that_is_no_size_is_refused(wrong):
    split, result = searched("rating", "MF")
    with pytest.raises(ValueError, match="threshold must be finite and at least 0, got"):
        sweep(result, split, [0.1, wrong])


def test_a_product_lives_as_long_as_its_weaker_entry():
    # <e_u, e_i> = 2 * 3 + 5 * 7; levels 1 and 3 meet 2 and 2: cut 0 keeps both products, cut 1 the second
    table = np.array([[0, 0], [2, 5], [0, 0], [3, 7]], dtype=np.float32)
    levels = np.array([[0, 0], [1, 3], [0, 0], [2, 2]])
    config = TrainConfig(model="MF", embedding_dim=2)
    fitted = Fitted(config, table, np.zeros(4, dtype=np.float32), {"global_bias": np.float32(0.5)})
    met = interactions([[1, 3]], [0.5], sizes=(2, 2))
    # squared errors of 41, 35 and 0 against 0, the bias aside
    assert metrics_at(fitted, levels, np.array([0, 1, 2]), met) == [41.0**2, 35.0**2, 0.0]
