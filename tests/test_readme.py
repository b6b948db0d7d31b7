"""What the README shows works as it stands."""

import re
import shlex
from pathlib import Path

from dnis.__main__ import parse

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_the_python_example_runs_and_its_numbers_make_sense(capsys):
    (example,) = blocks("python")
    assert len(example.strip().splitlines()) <= 10
    exec(compile(example, "README.md", "exec"), {})
    said = capsys.readouterr().out
    mse, kept, full = re.search(r"test MSE ([\d.]+) with ([\d,]+) of ([\d,]+) values", said).groups()
    assert 0.6 < float(mse) < 1.0
    assert int(kept.replace(",", "")) == int(full.replace(",", "")) // 2


def test_every_command_that_is_shown_is_understood():
    lines = [line for block in blocks("sh") for line in block.splitlines() if line.startswith("python -m dnis")]
    commands = [parse(shlex.split(line, comments=True)[3:]).command.__name__ for line in lines]
    one_run = ["inspect", "search", "sweep", "prune", "retrain", "compare", "export", "resume", "prepare"]
    assert commands == [*one_run, "plan", "work", "show"]


def test_every_target_of_make_that_is_named_exists():
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(re.findall(r"^make ([a-z]+)", "\n".join(blocks("sh")), re.MULTILINE)) <= set(targets)
