"""Compare: the verdict of the numbers, whoever won; a form that says its price; faults in one sentence."""

import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from dnis import figures
from dnis.additions import rename_run
from dnis.files import read_json, write_json
from dnis.interactions import Interactions, Roles, Vocabulary
from dnis.models import MODELS
from dnis.runs import load_run
from dnis.settings import METHODS, CompareConfig
from dnis.ui import comparison_form, comparison_panel, desk, recommendations, run_pair, store, texts
from dnis.ui.job import JobView
from tests.ui.small_run import made_run, open_page, runs, titled_csv

__all__ = ["made_run", "open_page", "runs", "titled_csv"]


def row(method, n_bytes, mean, difference=None, on_frontier=True):
    return {
        "method": method, "label": method, "compression": 2.0, "embedding_dim": 4.0, "n_values": n_bytes // 4,
        "n_bytes": n_bytes, "layout": "dense", "seeds": 3, "mean": mean, "sd": 0.01, "values": [mean] * 3, "val": mean,
        "difference": difference, "low": difference and difference - 0.01, "high": difference and difference + 0.01,
        "on_frontier": on_frontier, "settings": {"lr": 0.01, "l2": 0.1, "l2_nu": -0.5}, "elapsed_s": 1.0,
    }  # fmt: skip


COMPARISON = {
    "metric": "mse", "higher_is_better": False, "task": "rating", "model": "MF", "full_bytes": 4000,
    "rows": [row("uniform", 800, 0.80), row("dnis", 820, 0.85, 0.05, on_frontier=False)],
    "verdict": ["At 2x uniform dimensions have the best mean: mse 0.8000 at 800 bytes."],
    "config": {"n_trials": 3, "seeds": [0, 1, 2], "n_bootstrap": 1000},
}  # fmt: skip


def spec(app, name):
    return next(json.loads(c.proto.spec) for c in app.get("plotly_chart") if c.proto.id.endswith(name))


def test_without_a_comparison_the_page_says_what_to_do(open_page):
    app = open_page("5_compare")
    assert "Choose what to compare" in app.info[0].value


def test_the_page_can_say_that_uniform_won(open_page, runs):
    write_json(runs / "small-run" / "comparison.json", COMPARISON)
    app = open_page("5_compare")
    assert any("uniform dimensions have the best mean" in m.value for m in app.markdown)
    assert app.dataframe[0].value["n_bytes"].tolist() == [0.8, 0.82]  # in kB, as its column says
    drawn = {t["name"]: t for t in spec(app, "frontier")["data"]}
    assert drawn["Uniform"]["marker"]["size"] == drawn["DNIS"]["marker"]["size"]
    assert not app.success


def test_dominated_points_can_be_hidden(open_page, runs):
    write_json(runs / "small-run" / "comparison.json", COMPARISON)
    app = open_page("5_compare")
    app.toggle(key="dominated").set_value(False).run()
    assert [t["name"] for t in spec(app, "frontier")["data"]] == ["Uniform"]


def test_retrained_points_of_the_run_join_the_frontier(open_page, runs):
    write_json(runs / "small-run" / "comparison.json", COMPARISON)
    point = {
        "created_s": 1,
        "threshold": 0.1,
        "metric": "mse",
        "n_bytes": 700,
        "n_values": 100,
        "sparsity": 0.5,
        "val": 0.8,
        "test": 0.82,
    }
    write_json(runs / "small-run" / "retrained-1.json", point)
    shutil.copytree(runs / "small-run", runs / "twin")
    rename_run(runs / "twin", "the twin")
    shutil.copytree(runs / "twin", runs / "elsewhere")
    record = read_json(runs / "elsewhere" / "run.json")
    write_json(runs / "elsewhere" / "run.json", {**record, "data": {**record["data"], "seed": 7}, "name": "dealt anew"})
    listed = ["twin", "elsewhere", "small-run"]
    app = open_page("5_compare", before=lambda app: app.session_state.__setitem__("_runs", listed))
    names = [t["name"] for t in spec(app, "frontier")["data"]]
    # judged on the same rows, another run stands beside; one of another split does not
    assert names[-2:] == ["this run, retrained (1 seed)", "the twin, retrained (1 seed)"]
    # in another place under the same name, a point is drawn where it is now
    write_json(runs / "twin" / "retrained-1.json", {**point, "n_bytes": 300})
    drawn = {t["name"]: t for t in spec(app.run(), "frontier")["data"]}
    assert drawn["the twin, retrained (1 seed)"]["x"] == [300]
    app.toggle(key="retrained").set_value(False).run()
    assert not [t for t in spec(app, "frontier")["data"] if "retrained" in t["name"]]


@pytest.mark.parametrize(
    "content", [b"{", b"[]", b'{"rows": [{"method": 3}], "verdict": [], "metric": "mse", "higher_is_better": false}']
)
def test_a_damaged_comparison_gets_one_sentence(open_page, runs, content):
    (runs / "small-run" / "comparison.json").write_bytes(content)
    app = open_page("5_compare")
    assert len(app.error) == 1
    assert "cannot be read" in app.error[0].value
    assert str(runs) not in app.error[0].value


def test_hostile_texts_of_an_imported_comparison_stay_literal(open_page, runs):
    evil = "![x](http://x.example/y.png)<b>"
    rows = [{**row("uniform", 800, 0.8), "method": evil, "label": evil}]
    write_json(runs / "small-run" / "comparison.json", {**COMPARISON, "verdict": [evil], "model": evil, "rows": rows})
    app = open_page("5_compare")
    assert not any("](http" in m.value for m in [*app.markdown, *app.caption])
    assert "<b>" not in json.dumps(spec(app, "frontier")["data"])


def test_starting_sends_the_chosen_settings_to_the_queue(open_page, monkeypatch):
    sent = []
    monkeypatch.setattr(desk, "start", lambda job: sent.append(job))
    app = open_page("5_compare")
    app.multiselect(key="compare_methods").set_value(["dnis"])
    app.multiselect(key="compare_sizes").set_value([2.0])
    app.number_input(key="compare_seeds").set_value(2).run()
    assert any("fewer than 3 seeds" in c.value for c in app.caption)
    app.button(key="do_compare").click().run()
    assert not app.exception
    job = sent[0]
    assert job["kind"] == "compare"
    # the run came by its link: a copy of it is compared on, which takes its place
    copy = app.query_params["run"]
    assert job["out"].endswith(copy)
    assert copy != "small-run"
    assert app.session_state["_runs"] == [copy]
    config = job["config"]
    assert (config["methods"], config["compressions"], config["seeds"]) == (("uniform", "dnis"), (2.0,), (0, 1))


def test_cells_are_counted_as_the_engine_counts_them():
    config = CompareConfig(methods=("uniform", "dnis"), compressions=(1.0, 2.0, 4.0), seeds=(0, 1), n_trials=5)
    assert comparison_form.n_cells(config) == 2 * (5 + 2 * 3)


def test_the_form_proposes_a_small_comparison_and_says_its_price_in_words(open_page, monkeypatch):
    sent = []
    monkeypatch.setattr(desk, "start", lambda job: sent.append(job))
    app = open_page("5_compare")
    # 4 x 2 trainings and 3 x 2 for the proposals a round, 12 epochs of 0.01 s, 5 rounds, 1.3 for safety: 10.9 s
    price = "Estimated time on this server: less than a minute, give or take a factor of two. To train, uniform "
    assert price + "dimensions included: 4 methods, 2 sizes each, 2 settings tried, 3 seeds." in [
        m.value for m in app.markdown
    ]
    app.button(key="do_compare").click().run()
    config = sent[0]["config"]
    assert config["methods"] == ("uniform", "dnis", "dnis-nested", "dnis-fit")
    assert (config["compressions"], config["n_trials"], config["seeds"]) == ((2.0, 8.0), 2, (0, 1, 2))


def test_durations_are_said_in_words():
    said = [comparison_form.roughly(s) for s in (44, 46, 200, 9000)]
    assert said == ["less than a minute", "about a minute", "about 3 minutes", "about 2.5 hours"]


def test_the_estimate_grows_with_seeds_and_takes_the_warm_epochs_of_the_run(tiny_search):
    one = CompareConfig(methods=("uniform", "dnis"), compressions=(1.0, 2.0), seeds=(0,), n_trials=1)
    # the warm epoch took 0.5 s; 2 x 2 trainings and a proposal of 2 a round, 12 epochs each, 2 rounds, 1.3 for safety
    assert comparison_form.estimate_s(one, tiny_search) == pytest.approx(1.3 * 12 * 0.5 * (4 + 2) * 2)
    three = replace(one, seeds=(0, 1, 2))
    assert comparison_form.estimate_s(three, tiny_search) > comparison_form.estimate_s(one, tiny_search)


def test_table_has_the_tuned_settings_beside_the_numbers():
    table = comparison_panel.table(COMPARISON["rows"])
    assert table[["label", "lr", "l2_nu"]].to_dict("records") == [
        {"label": "Uniform", "lr": 0.01, "l2_nu": -0.5}, {"label": "DNIS", "lr": 0.01, "l2_nu": -0.5},
    ]  # fmt: skip


def test_table_leaves_the_spread_of_one_seed_empty():
    rows = [row("uniform", 800, 0.8), {**row("dnis", 800, 0.8), "seeds": 1, "sd": 0.0}]
    assert comparison_panel.table(rows)["sd"].isna().tolist() == [False, True]


def test_every_method_to_choose_from_is_explained_beside_the_choice(open_page):
    told = open_page("5_compare").multiselect(key="compare_methods").help
    assert told.startswith("Uniform dimensions always take part")
    listed = [line for line in told.splitlines() if line.startswith("- **")]
    assert [line.split("**")[1] for line in listed] == [figures.method_label(name) for name in METHODS]
    assert all(re.fullmatch(r"- \*\*[^*]+\*\*: [A-Z].{20,}\.", line) for line in listed)
    # a list needs an empty line before it, or Markdown takes it for a part of the sentence
    assert told.splitlines()[told.splitlines().index(listed[0]) - 1] == ""


def test_the_words_of_the_frontier_are_in_the_glossary():
    assert {"frontier", "dominated"} <= set(texts.glossary())


def test_two_runs_side_by_side_show_only_what_differs(runs):
    run = load_run(runs / "small-run")
    other = replace(
        run, result=replace(run.result, config=replace(run.result.config, lr=0.5)), data=replace(run.data, seed=4)
    )
    assert run_pair.differing(run, other).to_dict("records") == [
        {"setting": "lr", "one": "0.005", "other": "0.5"}, {"setting": "split seed", "one": "0", "other": "4"},
    ]  # fmt: skip


def test_roles_of_columns_are_said_in_words(runs):
    run = load_run(runs / "small-run")
    other = replace(run, data=replace(run.data, columns=(("user", "Leser"), ("ignore", "Datum"))))
    assert run_pair.differing(run, other).to_dict("records") == [
        {"setting": "columns", "one": "as guessed", "other": "user: Leser, ignore: Datum"},
    ]  # fmt: skip


def test_columns_whose_unusable_rows_were_dropped_are_said_in_words(runs):
    run = load_run(runs / "small-run")
    cleaned = (("clean", "Bewertung"), ("clean", "Datum"))
    only = replace(run, data=replace(run.data, columns=cleaned))
    assert run_pair.differing(run, only)["other"].tolist() == ["unusable rows dropped: Bewertung, Datum"]
    both = replace(run, data=replace(run.data, columns=(("user", "Leser"), *cleaned)))
    assert run_pair.differing(run, both)["other"].tolist() == [
        "user: Leser; unusable rows dropped: Bewertung, Datum",
    ]  # fmt: skip


def test_two_runs_on_different_data_are_said_not_to_compare(open_page, runs):
    for name, source in (("alike", None), ("other", "sample:adult")):
        shutil.copytree(runs / "small-run", runs / name)
        record = read_json(runs / name / "run.json")
        record["data"]["source"], record["name"] = source or record["data"]["source"], name
        write_json(runs / name / "run.json", record)
    said = {}
    for listed in (["alike", "other", "small-run"], ["other", "small-run"]):
        app = open_page("5_compare", before=lambda app, listed=listed: app.session_state.__setitem__("_runs", listed))
        told = [caption.value for caption in app.caption]
        said[app.selectbox(key="other_run_small-run").value] = texts.page("compare")["not_alike"] in told
    assert said == {"alike": False, "other": True}


def test_two_runs_are_drawn_on_one_scale_with_what_differs_and_on_request_all_settings(open_page, runs):
    shutil.copytree(runs / "small-run", runs / "twin")
    record = read_json(runs / "twin" / "run.json")
    record["config"]["order"], record["name"] = 2, "small run, second order"
    write_json(runs / "twin" / "run.json", record)
    app = open_page("5_compare", before=lambda app: app.session_state.__setitem__("_runs", ["twin", "small-run"]))
    scales = [spec(app, name)["layout"]["yaxis"]["range"] for name in ("pair_losses_one", "pair_losses_other")]
    # the worst loss is 1.3 in the first epoch, the best 1 / 5 of training in the fifth, and 6 % of that stay free
    assert scales == [pytest.approx([0.2 - 0.066, 1.3 + 0.066])] * 2
    assert spec(app, "pair_losses_one")["layout"]["yaxis"]["title"]["text"] == "MSE"
    assert spec(app, "pair_alpha_other")
    assert [t.value for t in app.text if t.value.startswith("small run")] == ["small run", "small run, second order"]
    assert any("differs by 0.000 on average" in c.value for c in app.caption)
    table = next(frame.value for frame in app.dataframe if "differs" in frame.value)
    assert table.iloc[2].tolist() == ["Order of the gradient", "first order", "second order", "≠"]
    assert len(table) == 3
    assert any(c.value == "How both went, then the settings that differ." for c in app.caption)
    app.toggle(key="all_settings").set_value(True).run()
    table = next(frame.value for frame in app.dataframe if "differs" in frame.value)
    assert table.iloc[2].tolist() == ["Order of the gradient", "first order", "second order", "≠"]
    assert (table["differs"] == "≠").sum() == 1
    assert len(table) > 30
    assert any("then all settings" in c.value for c in app.caption)


def test_two_runs_with_equal_settings_show_how_both_went(open_page, runs):
    shutil.copytree(runs / "small-run", runs / "twin")
    app = open_page("5_compare", before=lambda app: app.session_state.__setitem__("_runs", ["twin", "small-run"]))
    table = next(frame.value for frame in app.dataframe if "differs" in frame.value)
    assert table["setting"].tolist() == ["MSE on validation / test", "search took"]
    assert any(c.value == "Both runs have the same settings." for c in app.caption)


def test_the_run_that_a_twin_was_made_from_stands_beside_it(open_page, runs):
    shutil.copytree(runs / "small-run", runs / "twin")

    def before(app):
        app.session_state["_runs"], app.session_state["_pair_with"] = ["twin", "small-run"], "movielens-small-run"

    app = open_page("5_compare", before=before)
    assert app.selectbox(key="other_run_small-run").value == "movielens-small-run"


def test_recommendations_are_those_of_a_loop_over_all_unseen_items(runs):
    run = load_run(runs / "small-run")
    biases = np.random.default_rng(1).normal(size=run.vocabulary.n_features).astype(np.float32)
    run = replace(run, result=replace(run.result, biases=biases))
    split = store.split_of(run.data)
    user = int(np.argmax(run.result.counts[: run.vocabulary.offsets[1]]))
    seen = {int(i) for u, i, *_ in split.train.ids if u == user}
    items = recommendations.candidates(run, recommendations.items_of(split.train, user))
    found, values = recommendations.top(run.result.fitted(), recommendations.rows_of(user, items, None))
    rated = []
    for item in range(run.vocabulary.offsets[1], run.vocabulary.offsets[2]):
        if item not in seen and run.result.counts[item] > 0:
            a = run.result.alpha
            e = [a[run.result.block_of[f]] * run.result.embeddings[f] for f in (user, item)]
            rated.append((-(3.0 + run.result.biases[user] + run.result.biases[item] + float(e[0] @ e[1])), item))
    expected = sorted(rated)[:10]
    assert found.tolist() == [item for _, item in expected]
    assert values == pytest.approx([-score for score, _ in expected], rel=1e-5)


def test_one_user_s_ten_are_shown_before_and_after_with_what_they_share(open_page):
    app = open_page("5_compare")
    before, after = (frame.value for frame in app.dataframe[-2:])
    shared = set(before["item"]) & set(after["item"])
    assert any(m.value.startswith(f"{len(shared)} of {len(before)} items are the same") for m in app.markdown)
    assert set(before["item"][before["in both"] == "yes"]) == shared


def table_of(rows):
    """Interactions of user, item, genre, age and hour, a row each; ids as they are."""
    vocabulary = Vocabulary(("u", "i", "genre", "age", "hour"), (np.array(["a"]),) * 5)
    ids = np.array(rows, dtype=np.int32)
    return Interactions(vocabulary, ids, np.ones(len(ids), np.float32), None, None, Roles())


def test_further_fields_take_the_item_s_value_else_the_user_s_else_the_most_frequent_of_the_user():
    train = table_of(
        [
            # genre 20 belongs to items 10 and 11, 21 to item 12; age 30 to user 1, 31 to user 2; hours to neither
            [1, 10, 20, 30, 41], [1, 11, 20, 30, 41], [1, 12, 21, 30, 40],
            [2, 10, 20, 31, 40], [2, 12, 21, 31, 42],
        ]
    )  # fmt: skip
    rows = recommendations.rows_of(2, np.array([10, 11, 12]), train)
    assert rows.tolist() == [[2, 10, 20, 31, 40], [2, 11, 20, 31, 40], [2, 12, 21, 31, 40]]
    assert recommendations.rows_of(1, np.array([12]), train).tolist() == [[1, 12, 21, 30, 41]]


def with_model(runs, name):
    """The small run as one of another model, whose layers are as they start."""
    folder = runs / "small-run"
    run = load_run(folder)
    config = replace(run.result.config, model=name, hidden=(6, 4))
    layers = MODELS[name](2, config, torch.Generator().manual_seed(0)).state_dict()
    tensors = load_file(folder / "model.safetensors")
    save_file({**tensors, **{f"dense.{n}": v.numpy() for n, v in layers.items()}}, folder / "model.safetensors")
    record = read_json(folder / "run.json")
    write_json(folder / "run.json", {**record, "config": {**record["config"], "model": name, "hidden": [6, 4]}})


def test_a_run_that_lacks_its_layers_gets_one_sentence(open_page, runs):
    record = read_json(runs / "small-run" / "run.json")
    write_json(runs / "small-run" / "run.json", {**record, "config": {**record["config"], "model": "NeuMF"}})
    app = open_page("5_compare")
    assert any("NeuMF lacks its parameter 'product_weight'" in c.value.replace("\\", "") for c in app.caption)


@pytest.mark.parametrize("model", ["FM", "NeuMF", "DeepFM"])
def test_every_model_with_users_and_items_recommends(open_page, runs, model):
    with_model(runs, model)
    app = open_page("5_compare")
    before = app.dataframe[-2].value
    assert 0 < len(before) == before["item"].nunique() <= 10
    assert before["score"].is_monotonic_decreasing
    assert any("items are the same with" in m.value for m in app.markdown)


def test_data_without_users_and_items_have_nothing_to_recommend(open_page, runs):
    record = read_json(runs / "small-run" / "run.json")
    write_json(runs / "small-run" / "run.json", {**record, "item_field": None})
    app = open_page("5_compare")
    assert texts.page("recommendations")["no_items"] in [c.value for c in app.caption]


def test_a_run_whose_data_are_gone_still_recommends_and_says_what_is_missing(open_page, runs):
    record = read_json(runs / "small-run" / "run.json")
    record["data"]["source"] = str(runs / "gone.csv")
    write_json(runs / "small-run" / "run.json", record)
    app = open_page("5_compare")
    assert any("not on this server" in c.value for c in app.caption)
    assert not any(str(runs) in c.value for c in app.caption)


@pytest.mark.parametrize(("kind", "address"), [("compare", "5_compare"), ("retrain", "4_tradeoff")])
def test_a_job_of_another_run_is_named_and_not_shown_as_this_one(open_page, runs, monkeypatch, kind, address):
    shutil.copytree(runs / "small-run", runs / "twin")
    rename_run(runs / "twin", "the twin")
    job = {"kind": kind, "out": str(runs / "twin")}
    if kind == "retrain":  # whatever the queue adds
        job |= {"run": job["out"], "out": str(runs / "j")}
    seen = JobView(
        "j", kind, job, "running", 0, None, (), "", None, 1.0, 1, shared=False, paused=False, waiting=False,
        stopping=False,
    )  # fmt: skip
    monkeypatch.setattr(desk, "view", lambda asked: seen if asked == kind else None)
    app = open_page(address)
    told = [i.value for i in app.info]
    assert any("for another run: the twin" in t for t in told)
    assert kind == "retrain" or any("Choose what to compare" in t for t in told)
    assert not app.get("progress")
    app.button(key=f"show_{kind}").click().run()
    assert app.query_params["run"] == "twin"
    assert app.get("progress")
    assert not any("another run" in i.value for i in app.info)
