"""The sidebar's list of runs."""

from dnis.ui import session, store, texts, workbench
from tests.ui.small_run import made_run, runs, titled_csv

__all__ = ["made_run", "runs", "titled_csv"]


def test_the_list_holds_the_run_on_show_though_it_is_found_at_one_moment_and_not_at_the_next(runs, monkeypatch):
    bundled, small = store.load(store.bundled_folder()), store.load(runs / "small-run")
    found, shown = iter([bundled, small]), []
    monkeypatch.setattr(session, "run_on_show", lambda: next(found))
    monkeypatch.setattr(session, "session_runs", lambda: [bundled])

    def selectbox(label, options, index, **options_of_it):
        shown.append(options[index])
        return options[index]

    monkeypatch.setattr(workbench.st, "selectbox", selectbox)
    workbench._runs(texts.page("shell"))
    assert shown == [bundled.folder.name]
