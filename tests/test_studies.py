"""A file of results keeps the tables of the studies that a command does not do again."""

from benchmarks.studies import sections

TEXT = """# Proof

Made by a command.

## Films, MF

| a | b |
|---|---|

- One sentence.

## Clicks, FM

- Another one.
"""


def test_tables_are_taken_apart_by_their_titles_and_put_together_again():
    above, tables = sections(TEXT)
    assert above == "# Proof\n\nMade by a command.\n"
    assert list(tables) == ["Films, MF", "Clicks, FM"]
    assert "\n".join([above, *tables.values()]) == TEXT


def test_a_file_without_tables_is_a_heading_alone():
    assert sections("# Proof\n\nNothing yet.\n") == ("# Proof\n\nNothing yet.\n", {})
