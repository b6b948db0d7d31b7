"""The road runs one way, and the NumPy side never meets torch or a screen."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "dnis"

NUMPY_ONLY = (
    "ranges", "settings", "limits", "counting", "encodings", "delimited", "reading", "vocabulary", "times", "roles",
    "ids", "cleaning", "bins", "columns", "remarks", "interactions", "stored", "cores", "problems", "schemes",
    "datasets", "splits", "recency", "metrics",
    "results", "stopping", "scoring", "events", "budgets", "pruning", "allocation", "intervals", "verdicts", "loader",
    "files",
    "packing", "records", "sources", "clauses", "prepared", "bulk", "checkpoints", "additions", "runs", "inspection",
    "archives", "trial", "exports", "recipes", "figures", "control", "presets", "preparation", "errands", "worker",
    "plans", "pulse", "study", "sweeps", "meanings", "options", "progress", "commands", "sweep_commands", "__main__",
)  # fmt: skip
"""Modules that load neither torch nor streamlit; they may fetch the engine when a function needs it."""

ROAD = (
    # data
    "ranges", "settings", "limits", "counting", "encodings", "delimited", "reading", "vocabulary", "times", "roles",
    "ids", "cleaning", "bins", "columns", "remarks", "interactions", "stored", "cores", "problems", "schemes",
    "datasets", "splits", "recency", "metrics",
    # engine
    "results", "stopping", "averaging", "scoring", "processes", "tables", "sharding", "torchrec_tables", "selection",
    "pairs", "models", "lookups", "joint", "shares", "network", "ranking", "tasks", "rotation", "feeds", "penalties",
    "narrowing", "training",
    "hypergradient", "budgets", "phases", "nested", "alphas", "entries", "movers",
    "events", "bilevel", "thresholds", "pruning",
    # files
    "files", "loader", "packing", "records", "sources", "clauses", "prepared", "bulk", "checkpoints", "additions",
    "runs", "inspection", "archives", "trial",
    # judging
    "allocation", "rivals", "controller", "gradual", "baselines", "cells", "intervals", "verdicts", "contests",
    "crew", "comparison",
    # what leaves the road
    "exports", "recipes", "figures", "control", "presets", "preparation", "errands", "worker", "plans", "pulse",
    "study", "sweeps", "meanings", "options", "progress", "commands", "sweep_commands", "__main__", "ui",
)  # fmt: skip
"""Every module of the package; each imports only what stands before it."""

AGAINST_THE_ROAD = {("interactions", "splits")}
"""``interactions.split()`` hands over to the next module on the road."""

NO_SCREEN = (
    "ui/job", "ui/jobs", "ui/roster", "ui/waiting", "ui/shelf", "ui/usage", "ui/process", "ui/escape", "ui/texts",
    "ui/environment", "ui/expiry", "ui/journal", "ui/kept",
)  # fmt: skip
"""Parts of the seam that know no screen, so that they can be tested without one."""


def names_of(path):
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imports_of(path):
    """Modules of the package that a file imports, anywhere but for type checking."""
    tree = ast.parse(path.read_text())
    only_typing = {
        id(inner)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for inner in ast.walk(block)
    }
    found = set()
    for node in ast.walk(tree):
        if id(node) in only_typing:
            continue
        if isinstance(node, ast.ImportFrom) and node.module == "dnis":
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("dnis."):
            found.add(node.module.split(".")[1])
        elif isinstance(node, ast.Import):
            found |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("dnis.")}
    return found


def test_a_module_imports_only_modules_above_it():
    wrong = {
        (module, imported)
        for path in PACKAGE.rglob("*.py")
        for module in [names_of(path)]
        if module != "__init__"
        for imported in imports_of(path)
        if imported != module and ROAD.index(imported) > ROAD.index(module)
    }
    assert wrong == AGAINST_THE_ROAD


def test_every_module_has_its_place_on_the_road():
    modules = {names_of(path) for path in PACKAGE.rglob("*.py")} - {"__init__"}
    assert modules - set(ROAD) == set()


def loaded_by(statement):
    ask = f"{statement}; import sys; print(*sorted({{'torch', 'streamlit'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True, cwd=PACKAGE.parent)
    return done.stdout.split()


def test_the_numpy_side_loads_neither_torch_nor_streamlit():
    assert loaded_by("import dnis, dnis." + ", dnis.".join(NUMPY_ONLY)) == []


@pytest.mark.parametrize("module", NO_SCREEN)
def test_the_job_runner_and_the_texts_know_no_screen(module):
    assert loaded_by(f"import dnis.{module.replace('/', '.')}") == []


def test_import_dnis_loads_nothing_of_its_own():
    ask = "import dnis, sys; print(*[m for m in sys.modules if m.startswith(('dnis.', 'numpy'))])"
    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True, cwd=PACKAGE.parent)
    assert done.stdout.split() == []


def test_a_torch_name_is_fetched_when_it_is_asked_for():
    assert loaded_by("import dnis; dnis.search") == ["torch"]


def test_every_public_name_exists():
    import dnis

    assert all(getattr(dnis, name) is not None for name in dnis.__all__)
    assert set(dnis.__all__) <= set(dir(dnis))


def test_an_unknown_name_is_refused_with_the_known_ones():
    import dnis

    with pytest.raises(AttributeError, match=r"no attribute 'serach'.*search"):
        dnis.serach  # noqa: B018
