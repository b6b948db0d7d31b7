"""What SECURITY.md says of uploads stands on tests that exist, and no setting takes a protection away."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CHECKS = re.findall(r"^\|.*`(tests/[\w/]+\.py)::(\w+)` \|$", (ROOT / "SECURITY.md").read_text(), re.MULTILINE)


def test_there_is_a_list_of_checks():
    assert len(CHECKS) > 20


@pytest.mark.parametrize(("file", "name"), CHECKS)
def test_every_check_of_the_list_has_its_test(file, name):
    functions = [
        node.name for node in ast.walk(ast.parse((ROOT / file).read_text())) if isinstance(node, ast.FunctionDef)
    ]
    assert name in functions


def test_the_protections_of_streamlit_are_nowhere_turned_off():
    settings = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())
    server = settings["server"]
    assert server.get("enableXsrfProtection", True)
    assert server.get("enableCORS", True)
    assert not server.get("enableStaticServing", False)
    for file in ("Makefile", "Dockerfile"):
        assert not re.search(r"(?i)xsrf|cors|staticServing", (ROOT / file).read_text())


def test_html_is_never_allowed_in_a_text_and_nothing_is_unpickled():
    files = [ROOT / "app.py", *(ROOT / "pages").glob("*.py"), *(ROOT / "dnis").rglob("*.py")]
    # the only HTML are two style sheets: a constant, and one that names a panel of texts/panels.toml
    style = r"STYLE\)|f\"<style>\.st-key-out_of_sight_\{name\} \{\{ display: none; \}\}</style><span hidden></span>\"\)"
    banned = (
        rf"unsafe_allow_html|st\.html\((?!{style})|components\.v1|allow_pickle=True|torch\.load\(|read_pickle|"
        r"\beval\(|\bexec\("
    )
    assert [file.name for file in files if re.search(banned, file.read_text())] == []
