"""The Search page: settings become a job, and a job becomes a film."""

import dataclasses
import json
import os
import sys
from pathlib import Path

import pytest

from dnis.budgets import compression_for
from dnis.models import MODELS
from dnis.presets import PRESETS
from dnis.runs import load_run
from dnis.settings import MODELS_BY_TASK, DataSpec, SearchConfig
from dnis.ui import desk, fields, jobs, session, settings_form, store, texts, twins

WORKER = """
import json, sys
job = json.loads(sys.stdin.readline())
sys.stdin.readline()
say = lambda **event: print(json.dumps(event), flush=True)
for epoch in (1, 2):
    seen = dict(epoch=epoch, epochs=9, phase="warm", losses={"train": 1.0}, alpha=[[0.5, 1.0]], seconds=0.1 * epoch)
    say(event="epoch", **seen)
for line in sys.stdin:
    if line.strip() == "step":
        say(event="failed", message="loss is not finite at epoch 3: [lower](http://x.example) the learning rate")
        sys.exit(1)
say(event="stopped")
"""


@pytest.fixture
def page(app, tmp_path, monkeypatch):
    path = tmp_path / "worker.py"
    path.write_text(WORKER)
    monkeypatch.setattr(jobs, "WORKER", (sys.executable, str(path)))
    app.run()
    return app.switch_page("pages/2_search.py").run()


def film(page):
    return json.loads(next(node for node in page.get("bidi_component")).proto.json)


def button(page, name):
    return page.button(key=f"do_{name}")


def wait_for(page, found):
    for _ in range(400):
        page.run()
        if found():
            return
    raise AssertionError("waited in vain")


def epochs_shown(page):
    return film(page)["epochs"]


def test_the_page_shows_the_finished_run_to_play_again(page):
    assert not page.exception
    shown = film(page)
    assert shown["epochs"] == [1, 2, 3]
    assert shown["losses"]["test"] == [1.3, 0.65, 0.433333]
    assert [button(page, name).disabled for name in ("start", "pause", "step", "stop")] == [False, True, False, True]


def test_settings_from_the_page_reach_the_job(page):
    page.number_input(key="embedding_dim").set_value(16)
    page.number_input(key="lr_alpha").set_value(0.02)
    page.toggle(key="normalise").set_value(False)
    page.selectbox(key="strategy").set_value("random")
    page.number_input(key="data_seed").set_value(5)
    page.run()
    button(page, "start").click().run()
    job = next(iter(desk.runner()._roster.jobs.values())).job
    config = job["config"]
    assert (config["embedding_dim"], config["lr_alpha"], config["normalise"]) == (16, 0.02, False)
    assert (job["data"]["strategy"], job["data"]["seed"]) == ("random", 5)


def test_settings_come_from_the_address(app):
    app.query_params["epochs"] = "7"
    app.run()
    app.switch_page("pages/2_search.py").run()
    assert app.number_input(key="epochs").value == 7


def test_a_press_on_a_page_that_has_been_left_starts_nothing(page, app):
    starting_press = ("search", "play")
    page.session_state["_wanted"] = starting_press
    app.switch_page("pages/7_learn.py").run()
    page = app.switch_page("pages/2_search.py").run()
    assert desk.runner().active() == []
    page.session_state["_wanted"] = starting_press
    page.number_input(key="epochs").set_value(7).run()
    assert [view.job["config"]["epochs"] for view in desk.runner().active()] == [7]


def test_start_as_the_page_stands_replays_the_recorded_run_of_the_bundled_data_without_a_worker(page):
    del page.query_params["run"]
    page.session_state["_run"] = store.BUNDLED
    page.run()
    button(page, "reset").click().run()
    before = film(page)
    button(page, "start").click().run()
    assert not page.exception
    assert page.toast[0].value == texts.page("search")["same"]
    assert not desk.runner().workers()
    shown = film(page)
    assert (before["autoplay"], shown["autoplay"]) == (False, True)
    assert shown["epochs"] == before["epochs"]
    assert "job" not in page.query_params
    # any other setting is computed
    page.number_input(key="seed").set_value(7).run()
    button(page, "start").click().run()
    assert "job" in page.query_params


def use(page, *columns):
    """Put the same file to use with other roles."""
    spec = page.session_state["_data"] if "_data" in page.session_state else DataSpec("")
    source = spec.source or str(load_run(Path(os.environ["DNIS_RUNS"]) / "hand-run").data.source)
    page.session_state["_data"] = DataSpec(source, columns)
    page.run()


def test_an_epoch_of_the_form_has_about_as_many_steps_as_one_of_the_command_line(page):
    # 1,200 rows, 840 of them for training; 840 / 70 = 12, but no batch is smaller than 64
    assert page.number_input(key="batch_size").value == 64


def test_data_with_further_columns_start_from_a_model_that_reads_them(page):
    page.number_input(key="lr").set_value(0.007).run()
    assert page.selectbox(key="model").value == "MF"
    use(page, ("feature", "timestamp"))
    assert page.selectbox(key="model").value == "FM"
    assert page.number_input(key="lr").value == 0.007
    use(page)
    assert page.selectbox(key="model").value == "MF"


def test_data_without_users_and_items_offer_no_model_that_needs_them(page):
    use(page, ("feature", "user_id"), ("feature", "item_id"))
    assert page.selectbox(key="model").options == ["FM", "WideDeep", "DeepFM"]
    assert page.selectbox(key="model").value == "FM"
    assert not page.exception


def test_the_models_that_need_a_user_and_an_item_are_those_of_the_engine():
    assert set(fields.NEED_PAIR) == {name for name, model in MODELS.items() if model.needs_user_and_item}


def test_quick_is_smaller_and_reset_takes_it_back(page):
    full = page.number_input(key="epochs").value
    page.radio(key="mode").set_value("quick").run()
    assert page.number_input(key="epochs").value == texts.page("settings")["quick"]["epochs"] < full
    button(page, "reset").click().run()
    assert page.number_input(key="epochs").value == full


def test_quick_takes_fewer_epochs_where_each_is_long_but_never_fewer_than_alpha_needs():
    # by hand: 4,000,000 rows over 100,004, 500,000 and 9,000,000 interactions
    assert settings_form.quick_settings(100_004)["epochs"] == 15
    assert settings_form.quick_settings(500_000)["epochs"] == 8
    assert settings_form.quick_settings(9_000_000)["epochs"] == 3 + 2


def test_a_running_search_is_shown_held_stepped_and_its_failure_said_in_one_sentence(page):
    button(page, "start").click().run()
    wait_for(page, lambda: epochs_shown(page) == [1, 2])
    assert film(page)["live"]
    assert "job" in page.query_params
    button(page, "pause").click().run()
    assert button(page, "resume").label == texts.page("search")["resume"]
    button(page, "step").click().run()
    wait_for(page, lambda: page.error)
    # a link in a message stays text
    assert r"\[lower\]\(http\:/" in page.error[0].value
    assert not button(page, "start").disabled


def test_stop_ends_the_search(page):
    button(page, "start").click().run()
    wait_for(page, lambda: epochs_shown(page) == [1, 2])
    button(page, "stop").click().run()
    wait_for(page, lambda: not button(page, "start").disabled)
    assert [info.value for info in page.info] == ["The search was stopped at epoch 2."]


def test_hidden_layers_that_are_no_numbers_are_refused_in_a_sentence(page):
    page.selectbox(key="model").set_value("MLP").run()
    page.text_input(key="hidden").set_value("64, many").run()
    assert "hidden layers must be whole numbers" in page.error[0].value
    assert button(page, "start").disabled


def test_ratings_can_also_be_ranked_with_the_settings_that_suit_a_ranking(page):
    page.number_input(key="lr").set_value(0.5).run()
    page.selectbox(key="task").set_value("topk").run()
    assert not page.exception
    assert page.number_input(key="lr").value == SearchConfig.for_task("topk").lr
    assert page.number_input(key="n_negatives").value == 4
    assert list(page.selectbox(key="model").options) == list(MODELS_BY_TASK["topk"])


def test_how_long_an_interaction_counts_is_asked_of_rankings_alone(page):
    assert "recency_half_life" not in [box.key for box in page.number_input]
    page.selectbox(key="task").set_value("topk").run()
    page.number_input(key="recency_half_life").set_value(5.0).run()
    button(page, "start").click().run()
    assert sent_config(page)["recency_half_life"] == 5.0


def test_data_without_times_are_not_asked_how_long_an_interaction_counts(page, monkeypatch):
    page.selectbox(key="task").set_value("topk").run()
    known = session.current_interactions()
    shown = [box.key for box in page.number_input]
    monkeypatch.setattr(session, "current_interactions", lambda: dataclasses.replace(known, timestamp=None))
    page.run()
    assert not page.exception
    assert [box.key for box in page.number_input] == [key for key in shown if key != "recency_half_life"] != shown


def test_a_link_that_asks_in_vain_how_long_an_interaction_counts_is_told_so(app, monkeypatch):
    known = store.interactions_of(DataSpec())
    monkeypatch.setattr(session, "current_interactions", lambda: dataclasses.replace(known, timestamp=None))
    app.query_params["task"], app.query_params["recency_half_life"] = "topk", "5"
    app.run()
    page = app.switch_page("pages/2_search.py").run()
    assert any("Half-life" in toast.value and "5" in toast.value for toast in page.toast)


def sent_config(page):
    return next(iter(desk.runner()._roster.jobs.values())).job["config"]


def test_the_preset_of_the_authors_fills_the_settings_and_can_be_changed(page):
    page.selectbox(key="preset").set_value("released").run()
    assert any("20 warm-up epochs" in c.value for c in page.caption)
    page.number_input(key="epochs").set_value(90).run()
    button(page, "start").click().run()
    config = sent_config(page)
    expected = {**PRESETS["released"], "epochs": 90}
    expected.pop("freeze_dense")  # MF has no other weights to hold
    assert {name: config[name] for name in expected} == expected
    # what the preset leaves open stays at the defaults
    assert config["l2"] == SearchConfig().l2


def test_reset_leaves_the_preset_again(page):
    page.selectbox(key="preset").set_value("released").run()
    button(page, "reset").click().run()
    assert page.selectbox(key="preset").value == "default"
    assert page.number_input(key="warm_epochs").value == SearchConfig().warm_epochs


@pytest.mark.parametrize("said", ["released", texts.page("settings")["presets"]["released"]["label"]])
def test_a_link_may_name_the_preset_by_its_name_or_as_the_page_shows_it(app, said):
    app.query_params["preset"] = said
    app.run()
    page = app.switch_page("pages/2_search.py").run()
    assert page.number_input(key="warm_epochs").value == PRESETS["released"]["warm_epochs"]


def test_a_link_may_say_an_option_as_the_settings_do(app):
    app.query_params["order"], app.query_params["blocks"], app.query_params["task"] = "2", "field", "topk"
    app.run()
    page = app.switch_page("pages/2_search.py").run()
    assert [page.selectbox(key=name).value for name in ("order", "blocks", "task")] == [2, "field", "topk"]


def test_every_setting_of_a_search_has_a_widget_with_one_line_of_help():
    fields = texts.page("settings")["fields"]
    assert set(fields) - {"strategy", "data_seed", "budget"} == {f.name for f in dataclasses.fields(SearchConfig)}
    assert all(0 < len(about["help"].partition("\n\n")[0]) < 140 for about in fields.values())
    for name, about in fields.items():
        for end in ("low", "high"):
            if end in about and name != "data_seed":
                SearchConfig(**{"epochs": 10_000, "task": about.get("task", "rating"), name: about[end]})


def test_second_order_and_the_aim_reach_the_job(page):
    page.selectbox(key="order").set_value(2)
    page.selectbox(key="blocks").set_value("field")
    page.selectbox(key="alpha_optimizer").set_value("adam")
    page.selectbox(key="l1_scale").set_value("absolute")
    page.number_input(key="compression").set_value(8.0)
    page.number_input(key="alpha_start").set_value(0.5).run()
    button(page, "start").click().run()
    config = sent_config(page)
    got = [config[n] for n in ("order", "blocks", "alpha_optimizer", "l1_scale", "compression", "alpha_start")]
    assert got == [2, "field", "adam", "absolute", 8.0, 0.5]


def test_a_budget_in_words_reaches_the_job_and_hides_what_has_no_meaning_for_it(page):
    assert page.selectbox(key="recipe").value == fields.FIRST_RECIPE
    page.selectbox(key="recipe").set_value("budget").run()
    shown = {w.key for kind in ("number_input", "toggle", "selectbox") for w in page.get(kind)}
    assert not shown & {"compression", "l1_alpha", "alpha_start", "normalise", "warm_epochs"}
    page.text_input(key="budget").set_value("4x").run()
    button(page, "start").click().run()
    config = sent_config(page)
    assert (config["recipe"], config["compression"]) == ("budget", 4.0)


def test_a_budget_in_bytes_is_a_share_of_the_full_table(page, hand_run):
    page.selectbox(key="recipe").set_value("budget").run()
    page.number_input(key="embedding_dim").set_value(64)
    page.text_input(key="budget").set_value("0.6 kB").run()
    button(page, "start").click().run()
    n_features = store.interactions_of(load_run(hand_run).data).n_features
    assert sent_config(page)["compression"] == pytest.approx(4 * n_features * 64 / 600)


def test_a_budget_that_cannot_be_read_is_named(page):
    page.selectbox(key="recipe").set_value("budget").run()
    page.text_input(key="budget").set_value("small").run()
    assert not page.exception
    assert "a budget is such as 8x" in page.error[0].value


@pytest.mark.parametrize(("name", "change"), [("second", {"order": 2}), ("frozen", {"lr_alpha": 0.0})])
def test_a_twin_is_the_same_search_with_one_thing_changed(page, hand_run, name, change):
    run = load_run(hand_run)
    page.button(key=f"twin_{name}").click().run()
    assert not page.exception
    job = next(iter(desk.runner()._roster.jobs.values())).job
    expected = dataclasses.replace(run.result.config, **change)
    assert job["config"] == dataclasses.asdict(expected)
    assert job["data"] == dataclasses.asdict(run.data)
    assert job["name"].startswith("By hand, ")
    assert page.session_state["_pair_with"] == "hand-run"


def test_the_twin_of_a_second_order_search_is_of_first_order():
    found = twins.twins(SearchConfig(order=2, lr_alpha=0.0))
    assert {name: config.order for name, config in found.items()} == {"first": 1}


def test_what_a_link_asks_for_in_vain_is_said_once(app):
    asked = {"blocks": "equal shares", "epochs": "99999", "lr": "fast", "model": "FM", "preset": "old", "task": "topk"}
    for name, text in asked.items():
        app.query_params[name] = text
    app.run()
    page = app.switch_page("pages/2_search.py").run()
    said = "".join(toast.value for toast in page.toast)
    words = texts.page("settings")
    for name, text in asked.items():
        label = words["preset"] if name == "preset" else words["fields"][name]["label"]
        assert (f"**{label}**: the link asks for {text}" in said) == (name != "task")
    assert not page.run().toast


def test_a_search_takes_the_split_that_was_put_to_use_on_data(page):
    assert page.selectbox(key="strategy").value == ""
    data = page.switch_page("pages/1_data.py").run()
    data.selectbox(key=next(b.key for b in data.selectbox if b.label == "How rows are dealt out")).select("random")
    data.number_input(key="data_split_seed").set_value(7).run()
    next(b for b in data.button if b.label == "Use this data").click().run()
    page = data.switch_page("pages/2_search.py").run()
    assert page.selectbox(key="strategy").value == "random"
    assert page.number_input(key="data_seed").value == 7


def test_another_task_stays_quick(page):
    page.radio(key="mode").set_value("quick").run()
    dims = page.number_input(key="embedding_dim").value
    page.selectbox(key="task").set_value("topk").run()
    assert page.radio(key="mode").value == "quick"
    assert page.number_input(key="embedding_dim").value == dims


def test_an_exact_budget_comes_back_exactly():
    assert compression_for(f"{settings_form._exact(12.468481)}x", 1) == 12.468481
    assert settings_form._exact(8) == "8"


def test_who_leaves_a_shared_search_sees_it_no_more_and_others_go_on(page):
    button(page, "start").click().run()
    job_id = page.query_params["job"]
    wait_for(page, lambda: desk.runner().status(job_id).state == "running")
    desk.runner().adopt("somebody else", job_id)
    page.run()
    assert button(page, "leave").help == texts.page("search")["leave_help"]
    button(page, "leave").click().run()
    for _ in range(2):
        assert "job" not in page.query_params
        assert not button(page, "start").disabled
        page.run()
    seen = desk.runner().status(job_id)
    assert (seen.active, seen.n_owners) == (True, 1)
    # who asks for it again watches it again
    button(page, "start").click().run()
    assert page.query_params["job"] == job_id
    assert desk.runner().status(job_id).n_owners == 2


def test_a_search_that_ends_while_another_page_is_read_is_announced(page):
    button(page, "start").click().run()
    job_id = page.query_params["job"]
    wait_for(page, lambda: desk.runner().status(job_id).state == "running")
    page = page.switch_page("pages/7_learn.py").run()
    job = desk.runner()._roster.jobs[job_id]
    job.hear({"event": "saved", "run": str(store.bundled_folder())})
    desk.runner().stop(job_id)
    wait_for(page, lambda: not desk.runner().status(job_id).active and page.toast)
    assert page.toast[0].value == texts.page("shell")["ended"]["search"]
