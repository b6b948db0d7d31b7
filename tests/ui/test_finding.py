"""Finding a feature by what somebody types."""

import numpy as np
import pytest

from dnis.ui import finding
from dnis.vocabulary import UNKNOWN, Vocabulary

TITLES = {"7": "Alien", "8": "Aliens", "9": "Heat", "10": "Das Alien", "11": "Amélie", "12": "Blade 7", "13": "Salien"}
COUNTS = {"Aliens": 9, "Heat": 8, "Alien": 7, "Salien": 6, "Das Alien": 5, "Amélie": 4, "Blade 7": 3}


@pytest.fixture
def vocabulary():
    users, items = np.array([UNKNOWN, "7"], object), np.array([UNKNOWN, *TITLES], object)
    return Vocabulary(("user_id", "item_id"), (users, items), TITLES)


@pytest.fixture
def counts(vocabulary):
    return np.array([COUNTS.get(vocabulary.label(i), 0) for i in range(vocabulary.n_features)])


@pytest.fixture
def find(vocabulary, counts):
    index = finding.index_of(vocabulary, counts)
    return lambda text: [one["name"] for one in finding.listed(index, vocabulary, counts, text)["found"]]


def test_titles_that_begin_so_come_first_then_words_then_the_inside_of_words_each_by_frequency(find):
    assert find("alien") == ["Aliens", "Alien", "Das Alien", "Salien"]


def test_a_raw_id_comes_before_every_title_that_holds_it(find):
    assert find("7") == ["Alien", "user_id 7", "Blade 7"]
    assert find("item_id 9") == ["Heat"]


def test_case_accents_and_the_order_of_words_do_not_matter(find):
    assert find("AMELIE") == find("amélie") == ["Amélie"]
    assert find("alien das") == ["Das Alien"]


def test_nothing_typed_lists_the_most_frequent_features(find):
    assert find(" ")[:3] == ["Aliens", "Heat", "Alien"]


def test_a_list_says_how_many_there_are_and_shows_a_few(vocabulary, counts, monkeypatch):
    monkeypatch.setattr(finding, "N_MATCHES", 2)
    found = finding.listed(finding.index_of(vocabulary, counts), vocabulary, counts, "alien")
    assert found["total"] == 4
    assert found["found"] == [
        {"id": 4, "name": "Aliens", "what": "item_id 8", "count": 9},
        {"id": 3, "name": "Alien", "what": "item_id 7", "count": 7},
    ]
    assert finding.listed(finding.index_of(vocabulary, counts), vocabulary, counts, "xyz")["total"] == 0


def test_a_feature_without_a_title_does_not_say_its_name_twice(vocabulary, counts):
    found = finding.listed(finding.index_of(vocabulary, counts), vocabulary, counts, "user_id 7")["found"]
    assert [(one["name"], one["what"]) for one in found] == [("user_id 7", "")]
