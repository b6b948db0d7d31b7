"""Hostile names stay text."""

import pytest

from dnis.ui import escape


def test_plain_text_is_one_line_without_control_characters_and_not_too_long():
    assert escape.plain("a\nb\x00c\u202ed") == "a b c d"
    assert escape.plain("x" * 100) == "x" * 59 + "…"


@pytest.mark.parametrize("text", ["[a](b)", "![a](b)", "**a**", "`a`", "$a$", ":red[a]", "<b>", "# a", "a_b_c", "|a|"])
def test_markdown_has_no_bare_punctuation(text):
    safe = escape.markdown(text)
    bare = [c for i, c in enumerate(safe) if not c.isalnum() and c not in "\\ " and safe[i - 1 : i] != "\\"]
    assert bare == []


@pytest.mark.parametrize("text", ["https://x.example/a", "www.x.example", "WWW.x.example", "ftp://a"])
def test_a_bare_address_is_broken_up(text):
    safe = escape.markdown(text)
    assert "//" not in safe
    assert "www" not in safe.lower()


def test_plotly_gets_no_tag_and_no_formula():
    assert escape.plotly("<a href='x'>$x$</a>") == "&lt;a href='x'&gt;&#36;x&#36;&lt;/a&gt;"
