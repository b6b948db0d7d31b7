"""Two visitors of one server: nothing that one has uploaded or searched for shows at the other."""

import io
import json
import zipfile

import pytest
from streamlit.testing.v1 import AppTest

from dnis.exports import run_zip
from dnis.ui import store
from tests.ui.small_run import ROOT, made_run, runs, titled_csv

__all__ = ["made_run", "runs", "titled_csv"]


def table(word, n):
    rows = "".join(f"{word}-u{i % 5},{word}-i{i % 7},{i % 4}\n" for i in range(n))
    return f"user_id,item_id,rating\n{rows}".encode()


@pytest.fixture
def visitor(runs, monkeypatch):
    """Opens the Data page in a session of its own, without any link."""

    def visit():
        monkeypatch.chdir(ROOT)
        app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run()
        return app.switch_page("pages/1_data.py").run()

    return visit


def upload(page, content, name="log.csv"):
    page.radio(key="data_kind").set_value("upload").run()
    page.file_uploader(key="data_file").upload(name, content).run()
    assert not page.exception
    return page


def everything(page):
    """All that a page tells, as one text."""
    kinds = [page.text, page.caption, page.markdown, page.error, page.info, page.success, page.code, page.title]
    told = [str(element.value) for kind in kinds for element in kind]
    told += [str(option) for box in page.selectbox for option in box.options]
    return "\n".join([*told, *(frame.value.to_csv() for frame in page.dataframe), str(dict(page.query_params))])


def test_two_files_of_one_name_stay_apart(visitor):
    one, other = visitor(), visitor()
    upload(one, table("ann", 70))
    upload(other, table("bob", 84))
    one.run()
    assert "ann-u0" in everything(one)
    assert "bob" not in everything(one)
    assert "bob-u0" in everything(other)
    assert "ann" not in everything(other)
    assert [next(m.value for m in p.metric if m.label == "Interactions") for p in (one, other)] == ["70", "84"]


def test_who_comes_later_sees_nothing_of_an_upload_that_failed(visitor):
    one = upload(visitor(), b"secret_column\nsecret_value\n")
    assert "secret" in everything(one)
    assert "secret" not in everything(visitor())


def test_a_later_visitor_finds_no_run_but_the_bundled_one(visitor):
    assert "small run" not in everything(visitor())


def zip_of(made_run, source):
    files = {}
    with zipfile.ZipFile(io.BytesIO(run_zip(made_run))) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    name = next(n for n in files if n.endswith("run.json"))
    record = json.loads(files[name])
    record["data"]["source"] = source
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for member, content in {**files, name: json.dumps(record).encode()}.items():
            archive.writestr(member, content)
    return out.getvalue()


@pytest.mark.parametrize(
    "source", ["/etc/passwd", "../../../etc/passwd", "../small-run/run.json", "log.csv", "*/log.csv", "sample:../x"]
)
def test_an_imported_run_leads_to_no_file_of_others(visitor, made_run, source):
    theirs = upload(visitor(), table("ann", 70))
    assert "ann-u0" in everything(theirs)
    page = visitor().switch_page("pages/6_export.py").run()
    page.file_uploader(key="import_file").upload("run.zip", zip_of(made_run, source)).run()
    page.button(key="do_import").click().run()
    assert not page.exception
    page.switch_page("pages/1_data.py").run()
    assert "ann" not in everything(page)
    assert "root:" not in everything(page)
    assert str(store.runs_folder()) not in everything(page)
