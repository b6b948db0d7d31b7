"""The runs of a session: listed, renamed, deleted and had back, taken up again, and handed on."""

import dataclasses
import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dnis.additions import COMPARISON, rename_run
from dnis.checkpoints import CHECKPOINT, save_checkpoint
from dnis.files import read_json, write_json
from dnis.runs import load_run
from dnis.ui import aside, desk, history, session, store, texts
from tests.ui.small_run import ROOT, made_run, runs, titled_csv

__all__ = ["made_run", "runs", "titled_csv"]


@pytest.fixture
def overview(runs, monkeypatch):
    """The Overview with two runs of this session's own beside the bundled one."""
    shutil.copytree(runs / "small-run", runs / "other-run")
    write_json(runs / "other-run" / "run.json", {**read_json(runs / "other-run" / "run.json"), "name": "second try"})

    def own(app):
        app.session_state["_runs"] = ["other-run", "small-run"]
        app.session_state["_own_runs"] = {"other-run", "small-run"}

    return enter(monkeypatch, own)


def enter(monkeypatch, before=lambda app: None):
    """The Overview, entered by the link of the small run."""
    monkeypatch.chdir(ROOT)
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=30)
    app.query_params["run"] = "small-run"
    before(app)
    return app.run()


def names(app):
    return list(app.dataframe[0].value["name"])


def chooser(app):
    return next(s for s in app.selectbox if s.label == "Run")


def test_every_run_is_listed_with_what_it_came_to(overview):
    assert not overview.exception
    assert names(overview)[:2] == ["small run", "second try"]
    assert len(names(overview)) == 3
    first = overview.dataframe[0].value.iloc[0]
    assert first["validation, uncut"] == "MSE 0.3000"
    assert first["data"] == "titled.csv"


def test_runs_of_one_name_are_told_apart_in_the_list(runs):
    run = load_run(runs / "small-run")
    shutil.copytree(runs / "small-run", runs / "twin-run")
    told = history.table([run, load_run(runs / "twin-run")])["name"].tolist()
    assert told == ["small run · smal", "small run · twin"]


def test_a_name_that_would_be_a_formula_in_a_spreadsheet_is_defused(runs):
    run = dataclasses.replace(load_run(runs / "small-run"), name="=1+1")
    assert history.table([run])["name"].tolist() == ["'=1+1"]


def test_the_stored_size_is_that_of_the_table_at_the_run_s_own_threshold(overview, runs):
    run = load_run(runs / "small-run")
    half = store.stored_bytes(run, float(abs(run.result.weighted).max()) / 2)
    assert half < store.stored_bytes(run, 0.0) == 4 * run.result.embeddings.size


def test_a_run_gets_another_name_that_lasts(overview, runs):
    overview.text_input(key="run_name_small-run").set_value("  best so far ")
    overview.button(key="run_rename").click().run()
    assert names(overview)[0] == "best so far"
    assert load_run(runs / "small-run").name == "best so far"


@pytest.mark.parametrize("name", ["", "   ", "x" * 101])
def test_a_name_of_no_or_too_many_letters_is_refused(runs, name):
    with pytest.raises(ValueError, match="1 to 100 characters"):
        rename_run(runs / "small-run", name)


def test_a_deleted_run_is_gone_and_comes_back(overview, runs):
    overview.button(key="run_delete").click().run()
    assert not overview.exception
    assert names(overview)[0] == "second try"
    assert overview.query_params["run"] == "other-run"
    assert not (runs / "small-run").exists()
    overview.button(key="undo_delete").click().run()
    assert names(overview)[:2] == ["small run", "second try"]
    assert load_run(runs / "small-run").name == "small run"
    assert overview.query_params["run"] == "small-run"


def test_a_run_that_is_had_back_stands_where_it_stood(overview):
    chooser(overview).set_value("other-run").run()
    overview.button(key="run_delete").click().run()
    assert names(overview)[0] == "small run"
    overview.button(key="undo_delete").click().run()
    assert names(overview)[:2] == ["small run", "second try"]


def test_deleting_another_run_removes_the_one_before_for_good(overview, runs):
    overview.button(key="run_delete").click().run()
    overview.button(key="run_delete").click().run()
    assert not overview.exception
    assert len(names(overview)) == 1
    assert [path.name for path in (runs / "deleted").iterdir()] == ["other-run"]
    # only the bundled one is left, and that one stays
    assert not [b for b in overview.button if b.key in ("run_delete", "run_rename")]


def test_a_run_that_came_by_a_link_only_leaves_the_list(runs, monkeypatch):
    app = enter(monkeypatch)
    app.button(key="run_delete").click().run()
    assert "small run" not in names(app)
    assert (runs / "small-run" / "run.json").is_file()


def test_another_name_for_a_run_that_came_by_a_link_is_given_to_a_copy(runs, monkeypatch):
    app = enter(monkeypatch)
    app.text_input(key="run_name_small-run").set_value("mine")
    app.button(key="run_rename").click().run()
    assert names(app)[0] == "mine"
    assert app.toast[0].value == texts.page("shell")["copied"]
    assert load_run(runs / "small-run").name == "small run"
    assert app.session_state["_own_runs"] == {app.query_params["run"]}


@pytest.mark.parametrize("own", [True, False])
def test_what_others_made_and_what_was_measured_on_a_stopped_search_stays_when_it_goes_on(own, runs, monkeypatch):
    sent = []
    monkeypatch.setattr(desk, "start", lambda job: sent.append(job))
    run = load_run(runs / "small-run")
    job = {"data": dataclasses.asdict(run.data), "config": dataclasses.asdict(run.result.config)}
    save_checkpoint(run.folder, {"alpha": run.result.alpha}, {"job": job, "history": [{}, {}]})
    write_json(run.folder / COMPARISON, {})
    app = enter(monkeypatch, lambda app: app.session_state.__setitem__("_own_runs", {"small-run"} if own else set()))
    app.button(key="run_go_on").click().run()
    copy = Path(sent[0]["out"])
    assert copy.parent == runs
    assert copy.name != "small-run"
    assert (copy / CHECKPOINT).is_file()
    assert not (copy / COMPARISON).exists()
    assert (run.folder / COMPARISON).exists()


def test_settings_of_a_run_fill_the_search_page(overview, runs):
    chooser(overview).set_value("other-run").run()
    overview.button(key="run_duplicate").click().run()
    assert not overview.exception
    config = load_run(runs / "other-run").result.config
    assert overview.title[0].value.startswith("Search")
    shown = {n: overview.number_input(key=n).value for n in ("embedding_dim", "n_blocks", "epochs", "lr_alpha")}
    assert shown == {n: getattr(config, n) for n in shown}
    assert shown["embedding_dim"] == 8  # the default is 64


def test_a_stopped_search_goes_on_in_its_own_folder(overview, runs, monkeypatch):
    sent = []
    monkeypatch.setattr(desk, "start", lambda job: sent.append(job))
    assert "run_go_on" not in [b.key for b in overview.button]
    run = load_run(runs / "small-run")
    job = {"data": dataclasses.asdict(run.data), "config": dataclasses.asdict(run.result.config), "name": "before"}
    save_checkpoint(run.folder, {"alpha": run.result.alpha}, {"job": job, "history": [{}, {}]})
    overview.run()
    overview.button(key="run_go_on").click().run()
    job = sent[0]
    assert (job["kind"], job["resume"], job["name"]) == ("search", True, "small run")
    assert job["out"] == str(runs / "small-run")
    assert job["config"]["embedding_dim"] == 8
    json.dumps(job)


def test_a_run_whose_checkpoint_cannot_be_read_is_not_gone_on_with(overview, runs):
    (runs / "small-run" / CHECKPOINT).write_bytes(b"")
    overview.run()
    assert "run_go_on" not in [b.key for b in overview.button]


def test_a_run_that_a_job_writes_into_is_neither_renamed_nor_deleted(overview, runs, monkeypatch):
    @dataclasses.dataclass
    class UnderWay:
        job: dict

    assert history._is_written(load_run(runs / "small-run")) is False
    for name in ("out", "run"):
        job = {name: str(runs / "small-run")}
        monkeypatch.setattr(desk, "active", lambda job=job: [UnderWay(job)])
        assert history._is_written(load_run(runs / "small-run"))
        assert not history._is_written(load_run(runs / "other-run"))


def test_the_link_of_a_run_names_it(overview):
    chooser(overview).set_value("other-run").run()
    assert any(c.value.endswith("?run=other-run") for c in overview.code)


def test_names_that_leave_the_runs_folder_are_not_touched(runs):
    (runs.parent / "precious").mkdir()
    for act in (aside.set_aside, aside.put_back, aside.remove_aside):
        act("../precious")
    assert (runs.parent / "precious").is_dir()


def test_the_moment_is_said_to_the_minute():
    created = datetime(2024, 2, 3, 4, 5, tzinfo=UTC).timestamp()
    assert history._moment(created) == "2024-02-03 04:05"


def test_a_threshold_belongs_to_its_run(runs):
    run = load_run(runs / "small-run")
    assert session.threshold_of(run) == store.first_threshold(run) > 0


def test_a_run_begins_where_it_was_retrained_last(runs):
    run = load_run(runs / "small-run")
    points = tuple({"threshold": threshold} for threshold in (0.1, 0.05))
    assert session.threshold_of(dataclasses.replace(run, retrained=points)) == 0.05


def test_a_run_that_kept_to_a_budget_begins_uncut(runs):
    run = load_run(runs / "small-run")
    config = dataclasses.replace(run.result.config, recipe="budget", compression=2.0)
    budgeted = dataclasses.replace(run, result=dataclasses.replace(run.result, config=config))
    assert session.threshold_of(budgeted) == 0.0


def test_into_a_run_that_somebody_s_job_writes_nobody_else_writes(runs, monkeypatch):
    @dataclasses.dataclass
    class UnderWay:
        job: dict

    app = enter(monkeypatch)
    monkeypatch.setattr(desk, "writes_into", lambda seen, folder: seen.job["out"] == str(folder))
    monkeypatch.setattr(type(desk.runner()), "active", lambda self: [UnderWay({"out": str(runs / "small-run")})])
    app.text_input(key="run_name_small-run").set_value("mine")
    monkeypatch.setattr(desk, "_paths", lambda seen: [])
    app.button(key="run_rename").click().run()
    assert [t.value for t in app.toast] == [texts.page("shell")["being_written"]]
    assert sorted(path.name for path in runs.iterdir() if (path / "run.json").is_file()) == ["small-run"]


def test_a_copy_begins_with_the_threshold_that_was_chosen_and_with_no_other(runs, monkeypatch):
    app = enter(monkeypatch)
    app.text_input(key="run_name_small-run").set_value("mine")
    app.button(key="run_rename").click().run()
    assert app.session_state["_thresholds"] == {}
    app = enter(monkeypatch, lambda app: app.query_params.__setitem__("threshold", "0.25"))
    app.text_input(key="run_name_small-run").set_value("mine")
    app.button(key="run_rename").click().run()
    assert app.session_state["_thresholds"] == {"small-run": 0.25, app.query_params["run"]: 0.25}
