from dnis.counting import counted


def test_one_thing_is_counted_in_the_singular_and_every_other_number_in_the_plural():
    assert [counted(n, "row") for n in (0, 1, 2, 2000)] == ["0 rows", "1 row", "2 rows", "2,000 rows"]
