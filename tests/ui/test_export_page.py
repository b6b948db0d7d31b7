"""Export: every file can be taken, its content is right, and a run can be opened again."""

import io
import zipfile

import numpy as np
import pytest

from dnis import exports
from dnis.pruning import prune
from dnis.runs import load_run
from dnis.ui import export_panel
from tests.ui.small_run import made_run, open_page, runs, titled_csv

__all__ = ["made_run", "open_page", "runs", "titled_csv"]


@pytest.fixture
def run(runs):
    return load_run(runs / "small-run")


def zipped(**files):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def test_page_offers_every_file(open_page):
    app = open_page("6_export")
    offered = [d.proto.label for d in app.get("download_button")]
    assert len(offered) == 9
    assert "Download small-run-scheme.csv" in offered
    assert "Download small-run.zip" in offered


def test_every_file_can_be_made(run):
    made = {o.key: o.make() for o in export_panel.offers(run, prune(run.result, threshold=0.3))}
    assert made["scheme"].startswith(b"row,feature_id,field,raw_id,title,count,block,dims,kept_dimensions\n")
    assert made["script"].startswith(b'"""')
    assert b"<html" in made["figures"]
    assert all(zipfile.is_zipfile(io.BytesIO(made[key])) for key in ("packed", "projector", "run"))


def test_figures_page_holds_the_drawing_library_once_and_no_markup_of_others(run):
    object.__setattr__(run, "name", "<script>alert(1)</script>")
    page = (
        next(o for o in export_panel.offers(run, prune(run.result, threshold=0.3)) if o.key == "figures")
        .make()
        .decode()
    )
    assert "<script>alert(1)" not in page
    assert page.count("<h2>") == 6
    assert page.count("plotly.js v") == 1


def test_a_run_that_was_taken_along_opens_again(open_page, run, runs):
    content = exports.run_zip(run.folder)
    app = open_page("6_export")
    app.file_uploader(key="import_file").upload("run.zip", content).run()
    app.button(key="do_import").click().run()
    assert not app.exception
    opened = runs / np.ravel(app.query_params["run"])[0]
    assert opened.name != "small-run"
    assert (load_run(opened).result.alpha == run.result.alpha).all()
    app.run()  # whatever draws the page again does not take the answer away
    assert [s.value for s in app.success] == ["Opened. All pages now show this run."]


def test_a_zip_that_is_no_run_gets_one_sentence(open_page):
    app = open_page("6_export")
    app.file_uploader(key="import_file").upload("run.zip", zipped(a="b")).run()
    app.button(key="do_import").click().run()
    assert not app.exception
    assert "holds no run" in app.error[0].value
    assert "holds no run" in app.run().error[0].value
