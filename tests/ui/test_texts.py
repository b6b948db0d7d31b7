"""Texts: a word of the method is explained in one way, and wherever a tooltip uses it."""

import re
import tomllib

import pytest

from dnis.ui import texts

UI = texts.FOLDER.parent
RULES = tomllib.loads((texts.FOLDER / "tooltips.toml").read_text())


def tooltips(words):
    """Every tooltip of a file, with its name."""
    for name, text in words.items():
        if isinstance(text, dict):
            yield from tooltips(text)
        elif isinstance(text, str) and (name == "help" or name.endswith("_help")):
            yield name, text


@pytest.mark.parametrize("file", sorted(path.stem for path in texts.FOLDER.glob("*.toml")))
def test_every_tooltip_that_uses_a_word_of_the_method_explains_it(file):
    for name, text in tooltips(texts.page(file)):
        own, *meanings = text.split("\n\n")
        used = [w for w in RULES["explained"] if re.search(rf"\b{w.replace('_', '[ -]')}s?\b", own, re.IGNORECASE)]
        expected = [f"**{w.replace('_', ' ')}**: {texts.glossary()[w]}" for w in used[: RULES["most"]]]
        assert meanings == expected, name


def test_a_tooltip_explains_the_first_two_words_that_it_uses_and_no_part_of_a_word():
    said = texts.with_meanings("Epochs in which Alpha rests and blocks do not; unembedded.").split("\n\n")
    assert [part.partition(":")[0] for part in said[1:]] == ["**alpha**", "**block**"]
    assert texts.with_meanings("Nothing to explain here.") == "Nothing to explain here."


def test_every_word_that_tooltips_explain_is_in_the_glossary():
    assert set(RULES["explained"]) <= set(texts.glossary())


def test_no_tooltip_is_written_into_the_code():
    code = "".join(path.read_text() for path in UI.glob("*.py"))
    assert re.findall(r"help=f?[\"']", code) == []
