import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from dnis import comparison, contests, training
from dnis.baselines import BASELINES
from dnis.cells import CellStore
from dnis.comparison import compare, estimate_s
from dnis.contests import budgets, n_cells, trials
from dnis.limits import DataError
from dnis.settings import CompareConfig
from dnis.stopping import DivergedError
from dnis.training import Trainer, train
from tests.engine_data import small_config, small_split
from tests.judging_data import judging_config, planted_split, with_another_test


class StopError(Exception):
    """Somebody pressed stop."""


def config_of(**changes):
    """Two methods at two sizes with two trials and two seeds: 4 tuning cells and 8 final ones."""
    small = {"methods": ("uniform", "dnis"), "compressions": (1.0, 4.0), "seeds": (0, 1), "n_trials": 2}
    search = judging_config(epochs=4, batch_size=1024, lr=0.05)
    return CompareConfig(**{"search": search, "n_bootstrap": 20, **small, **changes})


N_CELLS = 12


def told(found):
    """What a comparison says, but for time and memory."""
    return [{k: v for k, v in row.items() if k not in ("elapsed_s", "peak_bytes")} for row in found.rows], found.verdict


@cache
def fresh(seed=0):
    """What a comparison says that keeps nothing and is not stopped."""
    return told(compare(planted_split(seed), config_of()))


@pytest.fixture
def finals(monkeypatch):
    """Per final training its config, and every row that it saw."""
    seen, final = [], []

    class Watched(Trainer):
        def step(self, batch):
            if final:
                seen[-1]["rows"] += [(*ids, y) for ids, y in zip(batch[0].tolist(), batch[1].tolist(), strict=True)]
            return super().step(batch)

    def listening(split, config, scheme=None, on_event=None, data="train"):
        if data == "development":
            final.append(True)
            seen.append({"config": config, "rows": []})
        result = train(split, config, scheme, on_event, data)
        final.clear()
        return result

    monkeypatch.setattr(training, "Trainer", Watched)
    monkeypatch.setattr(contests, "train", listening)
    return seen


def test_every_final_model_learns_from_every_row_but_test(finals):
    split = planted_split()
    compare(split, config_of())
    parts = (split.train, split.search_val, split.select_val)
    wanted = sorted((*ids, y) for part in parts for ids, y in zip(part.ids.tolist(), part.target.tolist(), strict=True))
    assert len(wanted) == 3000 - len(split.test)
    assert len(finals) == 2 * 2 * 2  # methods, sizes, seeds
    every_row_once_per_epoch = [sorted(f["rows"]) == sorted(wanted * f["config"].epochs) for f in finals]
    assert every_row_once_per_epoch == [True] * 8


def watched(kind, asked):
    """A method that remembers with which settings and budgets it was asked."""

    class Watched(kind):
        def candidates(self, split, settings, wanted):
            asked.append((settings, list(wanted)))
            return super().candidates(split, settings, wanted)

    return Watched


def test_every_method_is_tried_with_the_same_settings(monkeypatch):
    config = config_of(methods=("uniform", "dnis", "mde", "magnitude"), n_trials=3, seeds=(7,))
    asked = {name: [] for name in config.methods}
    for name in config.methods:
        monkeypatch.setitem(BASELINES, name, watched(BASELINES[name], asked[name]))
    compare(planted_split(), config)
    for calls in asked.values():
        assert calls[:3] == [(settings, [6464, 1616]) for settings in trials(config)]


def test_trials_begin_with_the_given_settings_and_draw_around_them():
    config = config_of(n_trials=50, seeds=(3, 4))
    first, *others = trials(config)
    assert first == replace(config.search, seed=3)
    assert len(others) == 49
    for other in others:
        assert 1 / 3 <= other.lr / config.search.lr <= 3
        assert 1 / 3 <= other.l2 / config.search.l2 <= 3
        assert -0.6 <= other.l2_nu <= 0.2
        assert replace(other, lr=first.lr, l2=first.l2, l2_nu=first.l2_nu) == first
    assert len({(t.lr, t.l2, t.l2_nu) for t in others}) == 49
    assert trials(config) == [first, *others]
    assert trials(replace(config, seeds=(4, 3))) != [first, *others]


def test_trials_stay_inside_the_ranges_of_the_settings():
    high = trials(config_of(search=judging_config(lr=1.0, l2=100.0), n_trials=20))
    low = trials(config_of(search=judging_config(lr=1e-6, l2=0.0), n_trials=20))
    assert (max(t.lr for t in high), max(t.l2 for t in high)) == (1.0, 100.0)
    assert (min(t.lr for t in low), max(t.l2 for t in low)) == (1e-6, 0.0)


def test_a_budget_is_the_full_table_divided():
    assert budgets(planted_split(), config_of(compressions=(1.0, 2.0, 3.0))) == [6464, 3232, 2154]  # 202 rows of 8


def test_the_best_trial_of_select_val_and_its_epoch_are_taken(monkeypatch, finals):
    # lower losses for the second trial at 1x and for the first at 4x, in the second and third epoch
    losses = {(0, 8): (0.9, 2), (1, 8): (0.8, 3), (0, 2): (0.7, 3), (1, 2): (0.8, 2)}
    config = config_of(methods=("uniform",))
    by_lr = {t.lr: i for i, t in enumerate(trials(config))}
    learn = contests.train

    def pretended(split, settings, scheme=None, on_event=None, data="train"):
        result = learn(split, settings, scheme, on_event, data)
        if data == "train":
            loss, epoch = losses[by_lr[settings.lr], settings.embedding_dim]
            result = replace(result, metrics={"val": {"loss": loss, "mse": loss}}, best_epoch=epoch)
        return result

    monkeypatch.setattr(contests, "train", pretended)
    found = compare(planted_split(), config)
    assert [row["val"] for row in found.rows] == [0.8, 0.7]
    taken = {(by_lr[f["config"].lr], f["config"].embedding_dim, f["config"].epochs) for f in finals}
    assert taken == {(1, 8, 3), (0, 2, 3)}
    assert sorted(f["config"].seed for f in finals) == [0, 0, 1, 1]
    assert found.rows[0]["settings"]["lr"] == trials(config)[1].lr


@pytest.mark.parametrize(("aucs", "taken"), [((0.8, 0.9), 1), ((0.9, 0.8), 0), ((math.nan, math.nan), 0)])
def test_of_clicks_the_trial_of_the_highest_auc_is_taken_not_that_of_the_lowest_loss(monkeypatch, finals, aucs, taken):
    settings = {"methods": ("uniform",), "compressions": (1.0,), "seeds": (0,)}
    config = config_of(search=small_config("ctr", epochs=2), **settings)
    by_lr = {t.lr: i for i, t in enumerate(trials(config))}
    learn = contests.train

    def pretended(split, settings, scheme=None, on_event=None, data="train"):
        result, trial = learn(split, settings, scheme, on_event, data), by_lr[settings.lr]
        val = {"loss": (0.4, 0.5)[trial], "auc": aucs[trial]}
        return replace(result, metrics={"val": val}, best_epoch=1) if data == "train" else result

    monkeypatch.setattr(contests, "train", pretended)
    (row,) = compare(small_split("ctr"), config).rows
    assert [by_lr[f["config"].lr] for f in finals] == [taken]
    assert row["val"] == (0.4, 0.5)[taken]


def test_a_trial_that_diverges_is_not_taken(monkeypatch):
    config = config_of(methods=("uniform",))
    first = trials(config)[0]

    def failing(split, settings, *rest, **more):
        if settings.lr == first.lr:
            raise DivergedError("lost")
        return train(split, settings, *rest, **more)

    monkeypatch.setattr(contests, "train", failing)
    found = compare(planted_split(), config)
    assert {row["settings"]["lr"] for row in found.rows} == {trials(config)[1].lr}
    assert all(math.isfinite(row["mean"]) for row in found.rows)


def test_a_final_training_that_diverges_is_left_out_and_said(monkeypatch):
    config, learn = config_of(n_trials=1, seeds=(0, 1, 2)), train

    def failing(split, settings, scheme=None, on_event=None, data="train"):
        if data == "development" and scheme is not None and settings.seed == 1:
            raise DivergedError("lost")
        return learn(split, settings, scheme, on_event, data)

    monkeypatch.setattr(contests, "train", failing)
    found = compare(planted_split(), config)
    assert [(row["method"], row["seeds"], row["diverged"]) for row in found.rows] == [
        ("uniform", 3, 0), ("uniform", 3, 0), ("dnis", 2, 1), ("dnis", 2, 1),
    ]  # fmt: skip
    assert len(found.rows[2]["values"]) == 2
    assert math.isfinite(found.rows[2]["difference"])
    assert found.verdict[-2:] == (
        "DNIS at 1x: 1 of 3 final trainings diverged or lost all of alpha and are left out.",
        "DNIS at 4x: 1 of 3 final trainings diverged or lost all of alpha and are left out.",
    )


def test_a_method_whose_proposals_all_diverge_has_no_row(monkeypatch, tmp_path):
    class Lost(BASELINES["dnis"]):
        def candidates(self, *_):
            raise DivergedError("lost")

    monkeypatch.setitem(BASELINES, "dnis", Lost)
    found = compare(planted_split(), config_of(n_trials=1), folder=tmp_path)
    assert [row["method"] for row in found.rows] == ["uniform", "uniform"]
    assert found.verdict[-1] == "DNIS at 4x: every trial diverged or lost all of alpha, so there is no final training."
    assert told(compare(planted_split(), config_of(n_trials=1), folder=tmp_path)) == told(found)


def too_fast(**changes):
    """Steps so large that the full table diverges at once and one of a single dimension does not."""
    search = judging_config(epochs=4, lr=1.0, l2=0.0)
    return config_of(search=search, methods=("uniform",), compressions=(1.0, 8.0), n_trials=1, **changes)


def test_a_budget_that_diverges_takes_no_other_with_it_and_is_not_judged(finals):
    events = []
    found = compare(planted_split(), too_fast(), events.append)
    (row,) = found.rows
    tuned = train(planted_split(), too_fast().search.for_training(embedding_dim=1))
    assert (row["compression"], row["diverged"], row["val"]) == (8.0, 0, tuned.metrics["val"]["loss"])
    assert [(f["config"].embedding_dim, f["config"].epochs) for f in finals] == [(1, tuned.best_epoch)] * 2
    assert found.verdict[-1] == "Uniform at 1x: every trial diverged, so there is no final training."
    assert [e["done"] for e in events] == [1, 2, 3, 4, 5]
    assert events[-1]["n_cells"] == 5


def test_a_search_of_one_budget_that_diverges_takes_no_other_with_it(monkeypatch, tmp_path):
    class Lost(BASELINES["dnis"]):
        def candidates(self, split, settings, wanted):
            if 6464 in wanted:
                raise DivergedError("lost")
            return super().candidates(split, settings, wanted)

    whole = fresh()[0]
    monkeypatch.setitem(BASELINES, "dnis", Lost)
    found = compare(planted_split(), config_of(), folder=tmp_path)
    kept = ("method", "compression", "val", "values", "settings", "diverged")
    assert [[row[k] for k in kept] for row in found.rows] == [
        [row[k] for k in kept] for row in whole if (row["method"], row["compression"]) != ("dnis", 1.0)
    ]
    assert found.verdict[-1] == "DNIS at 1x: every trial diverged or lost all of alpha, so there is no final training."
    assert told(compare(planted_split(), config_of(), folder=tmp_path)) == told(found)


def test_a_final_training_that_goes_astray_in_its_last_steps_is_left_out(monkeypatch):
    def astray(split, settings, scheme=None, on_event=None, data="train"):
        result = train(split, settings, scheme, on_event, data)
        if data == "development" and settings.seed == 1:
            model = replace(result.model, embeddings=np.full_like(result.model.embeddings, np.nan))
            result = replace(result, model=model)
        return result

    monkeypatch.setattr(contests, "train", astray)
    found = compare(planted_split(), config_of(methods=("uniform",), n_trials=1))
    assert [(row["seeds"], row["diverged"]) for row in found.rows] == [(1, 1), (1, 1)]


def test_a_comparison_in_which_every_trial_diverges_says_so():
    with pytest.raises(DivergedError, match=r"every trial diverged; lower lr \(now 1\)"):
        compare(planted_split(), replace(too_fast(), compressions=(1.0,)))


def test_peak_memory_is_that_of_each_table_and_of_the_search_that_found_it(monkeypatch):
    held = [0]

    def measured(split, settings, scheme=None, on_event=None, data="train"):
        held[0] = max(held[0], 10 * settings.embedding_dim if scheme is None else 30 * scheme.n_values // 1000)
        return train(split, settings, scheme, on_event, data)

    class Large(BASELINES["random"]):
        def candidates(self, split, settings, wanted):
            held[0] = max(held[0], 33)
            return super().candidates(split, settings, wanted)

    monkeypatch.setitem(BASELINES, "random", Large)
    monkeypatch.setattr(contests, "train", measured)
    monkeypatch.setattr(contests, "reset_peak", lambda: held.__setitem__(0, 0))
    monkeypatch.setattr(contests, "peak_bytes", lambda: held[0])
    found = compare(planted_split(), config_of(methods=("uniform", "random"), n_trials=1))
    sizes = {row["compression"]: 30 * row["n_values"] // 1000 for row in found.rows if row["method"] == "random"}
    assert sizes[1.0] > 33 > sizes[4.0]
    assert [row["peak_bytes"] for row in found.rows] == [80, 20, sizes[1.0], 33]


def test_auc_of_a_test_part_with_one_label_is_refused_before_anything_is_trained(monkeypatch):
    split = small_split("ctr")
    alike = replace(split, test=replace(split.test, target=np.zeros_like(split.test.target)))
    monkeypatch.setattr(contests, "train", lambda *_: pytest.fail("trained for nothing"))
    with pytest.raises(DataError, match=r"^auc needs labels 0 and 1 in the test part, which holds 0 alone: split"):
        compare(alike, config_of(search=small_config("ctr"), methods=("uniform",)))


def test_a_comparison_in_which_every_final_training_diverges_says_so(monkeypatch):
    def failing(split, settings, scheme=None, on_event=None, data="train"):
        if data == "development":
            raise DivergedError("lost")
        return train(split, settings, scheme, on_event, data)

    monkeypatch.setattr(contests, "train", failing)
    with pytest.raises(DivergedError, match=r"every final training diverged; lower lr \(now 0.05\)"):
        compare(planted_split(), config_of(n_trials=1))


def test_a_row_holds_the_metric_of_the_final_models_on_test():
    split, config = planted_split(), config_of(n_trials=1)
    found = compare(split, config)
    full, quarter = found.rows[:2]
    epochs = train(split, config.search.for_training(embedding_dim=2)).best_epoch
    for seed, value in zip((0, 1), quarter["values"], strict=True):
        settings = config.search.for_training(embedding_dim=2, seed=seed, epochs=epochs)
        assert value == pytest.approx(train(split, settings, data="development").metrics["test"]["mse"])
    assert quarter["mean"] == pytest.approx(np.mean(quarter["values"]))
    assert (full["n_bytes"], quarter["n_bytes"], quarter["embedding_dim"]) == (6464, 1616, 2)
    assert (found.metric, found.higher_is_better, found.full_bytes) == ("mse", False, 6464)
    assert [(r["method"], r["compression"], r["budget"]) for r in found.rows] == [
        ("uniform", 1, 6464), ("uniform", 4, 1616), ("dnis", 1, 6464), ("dnis", 4, 1616)
    ]  # fmt: skip
    assert found.verdict[0].startswith("At 1x")


def test_the_same_seeds_give_the_same_numbers_and_others_give_others():
    assert told(compare(planted_split(), config_of())) == fresh()
    assert told(compare(planted_split(), config_of(seeds=(2, 3)))) != fresh()


def test_test_is_not_looked_at_before_the_end():
    blind = ("method", "val", "settings", "n_bytes", "block_dims")
    seen, unseen = fresh()[0], compare(with_another_test(planted_split()), config_of()).rows
    assert [[row[k] for k in blind] for row in seen] == [[row[k] for k in blind] for row in unseen]
    assert [row["mean"] for row in seen] != [row["mean"] for row in unseen]


@pytest.fixture
def computed(monkeypatch):
    """The fingerprints of the cells that were computed to their end."""
    keys = []
    record = CellStore.record

    def watched(self, key, compute):
        def counted():
            out = compute()
            keys.append(key)
            return out

        return record(self, key, counted)

    monkeypatch.setattr(CellStore, "record", watched)
    return keys


def stop_at(n):
    """An ``on_event`` that stops at the n-th cell."""

    def on_event(cell):
        if cell["done"] == n:
            raise StopError

    return on_event


@pytest.mark.parametrize("n", [1, 6, 11])
def test_a_stop_after_a_cell_loses_nothing(tmp_path, computed, n):
    split, config = planted_split(), config_of()
    with pytest.raises(StopError):
        compare(split, config, stop_at(n), tmp_path)
    before = list(computed)
    assert before
    events = []
    assert told(compare(split, config, events.append, tmp_path)) == fresh()
    assert [e["done"] for e in events] == list(range(1, N_CELLS + 1))
    assert computed[: len(before)] == before
    assert len(computed) == len(set(computed))  # no cell was computed twice


def test_a_stop_within_a_cell_loses_that_cell_alone(tmp_path, computed, monkeypatch):
    split, config = planted_split(), config_of()
    left = iter(range(7))

    def stopping(*args, **more):
        if next(left, None) is None:
            raise StopError
        return train(*args, **more)

    # two trainings in each of the two tuning cells of uniform, and then its finals
    with monkeypatch.context() as patched:
        patched.setattr(contests, "train", stopping)
        with pytest.raises(StopError):
            compare(split, config, folder=tmp_path)
    before = len(computed)
    assert before >= 3
    assert told(compare(split, config, folder=tmp_path)) == fresh()
    assert len(computed) == len(set(computed)) == len(list(tmp_path.rglob("*.cell")))
    n_all = len(computed)
    assert told(compare(split, config, folder=tmp_path)) == fresh()
    assert len(computed) == n_all


def test_more_seeds_and_methods_take_what_is_finished(tmp_path, computed):
    compare(planted_split(), config_of(), folder=tmp_path)
    compare(planted_split(), config_of(seeds=(0, 1, 2), methods=("uniform", "dnis", "random")), folder=tmp_path)
    assert len(computed) == len(set(computed))
    computed.clear()
    compare(planted_split(), config_of(seeds=(0, 1, 2)), folder=tmp_path)
    assert computed == []


def test_cells_of_other_data_are_not_mixed_up(tmp_path):
    together = [told(compare(planted_split(seed), config_of(), folder=tmp_path)) for seed in (0, 1, 0)]
    assert together == [fresh(0), fresh(1), fresh(0)]
    assert fresh(0) != fresh(1)


def test_every_cell_is_told_of():
    events = []
    config = config_of()
    compare(planted_split(), config, events.append)
    assert [(e["done"], e["n_cells"]) for e in events] == [(i, N_CELLS) for i in range(1, N_CELLS + 1)]
    assert n_cells(config) == N_CELLS
    kinds = [(e["method"], e["kind"]) for e in events]
    halves = [[(label, "tune")] * 2 + [(label, "final")] * 4 for label in ("Uniform", "DNIS")]
    assert kinds == halves[0] + halves[1]


@pytest.mark.parametrize(("batch_size", "steps_per_epoch"), [(1024, 3), (100_000, 1)])
def test_the_estimate_is_steps_times_epochs_times_trainings(monkeypatch, batch_size, steps_per_epoch):
    clock = [0.0]

    class Ticking(Trainer):
        def step(self, batch):
            clock[0] += 2.0  # seconds
            return super().step(batch)

    monkeypatch.setattr(comparison, "Trainer", Ticking)
    monkeypatch.setattr(comparison.time, "perf_counter", lambda: clock[0])
    search = judging_config(batch_size=batch_size)
    one = config_of(search=search, methods=("uniform",), compressions=(1.0,), seeds=(0,), n_trials=1)
    epoch_s = 2.0 * steps_per_epoch
    # a trial and a final training of a dozen epochs, and a third for everything else
    assert estimate_s(planted_split(), one) == pytest.approx(1.3 * 12 * epoch_s * 2)
    # two methods at two sizes and the two trainings of a search, for two trials and two seeds
    assert estimate_s(planted_split(), config_of(search=search)) == pytest.approx(1.3 * 12 * epoch_s * (2 * 2 + 2) * 4)


def test_the_estimate_is_positive():
    assert 0 < estimate_s(planted_split(), config_of()) < math.inf


@pytest.mark.parametrize(("task", "metric"), [("ctr", "auc"), ("topk", "ndcg@10")])
def test_clicks_and_rankings_are_compared_too(task, metric):
    split = small_split(task)
    config = config_of(search=small_config(task, epochs=3), methods=("uniform", "magnitude"), n_trials=1)
    found = compare(split, config)
    assert (found.metric, found.higher_is_better) == (metric, True)
    settings = config.search.for_training()
    epochs = train(split, settings).best_epoch
    wanted = [
        train(split, replace(settings, seed=seed, epochs=epochs), data="development").metrics["test"][metric]
        for seed in (0, 1)
    ]
    assert found.rows[0]["values"] == pytest.approx(wanted)


def test_rows_of_one_user_are_drawn_together_and_without_users_each_row_is_its_own(monkeypatch):
    units = []
    judge = comparison.judged_rows
    monkeypatch.setattr(
        comparison,
        "judged_rows",
        lambda found, outcomes, *rest: units.append(outcomes[0].unit) or judge(found, outcomes, *rest),
    )
    split, config = (
        small_split("ctr"),
        config_of(search=small_config("ctr", epochs=1), methods=("uniform",), n_trials=1),
    )
    compare(split, config)
    nobody = replace(split, test=replace(split.test, roles=replace(split.test.roles, user=None)))
    compare(nobody, config)
    users = split.test.ids[:, 0]
    assert np.array_equal(units[0][:, None] == units[0], users[:, None] == users)
    assert units[1].tolist() == list(range(len(split.test)))


def test_a_compression_that_leaves_no_room_for_a_table_is_refused_before_anything_is_trained():
    split = planted_split()
    config = config_of(compressions=(2.0, 900.0), search=judging_config(embedding_dim=8, n_blocks=60))
    (_, few) = budgets(split, config)
    with pytest.raises(DataError, match=f"compressions: 900x leaves {few} bytes, fewer than the [0-9]+ bytes that say"):
        compare(split, config)


def test_cold_users_of_the_test_part_are_several(monkeypatch):
    split = planted_split()
    unknown = split.vocabulary.offsets[0]
    cold = replace(split, test=replace(split.test, ids=split.test.ids * [0, 1] + [unknown, 0]), test_users=None)
    (_, rival) = compare(cold, config_of(methods=("uniform", "random"), compressions=(4.0,), n_trials=1)).rows
    assert rival["low"] < rival["difference"] < rival["high"]
