"""Feature ids there and back."""

import numpy as np
import pytest

from dnis.vocabulary import MISSING, UNKNOWN, Vocabulary


@pytest.fixture
def vocabulary():
    users = np.array([UNKNOWN, "7", "17"], dtype=object)
    items = np.array([UNKNOWN, "1"], dtype=object)
    colors = np.array([UNKNOWN, "red", MISSING], dtype=object)
    return Vocabulary(("user_id", "movie", "color"), (users, items, colors), {"1": "Toy Story (1995)"}, "movie")


def test_fields_stand_one_after_the_other(vocabulary):
    assert vocabulary.offsets.tolist() == [0, 3, 5, 8]
    assert vocabulary.n_features == 8
    assert vocabulary.field_of.tolist() == [0, 0, 0, 1, 1, 2, 2, 2]


def test_encode_turns_raw_values_into_ids_and_unseen_ones_into_the_unknown_feature(vocabulary):
    assert vocabulary.encode("user_id", ["17", "7", "8"]).tolist() == [2, 1, 0]
    assert vocabulary.encode("color", ["blue", "red", MISSING]).tolist() == [5, 6, 7]
    assert vocabulary.encode("movie", [1]).tolist() == [4]


def test_decode_undoes_encode_for_every_feature(vocabulary):
    for feature_id in range(vocabulary.n_features):
        field, raw = vocabulary.decode(feature_id)
        assert vocabulary.encode(field, [raw]).tolist() == [feature_id]


def test_labels_use_titles_for_items_only(vocabulary):
    assert vocabulary.label(4) == "Toy Story (1995)"
    assert vocabulary.label(3) == "movie (unknown)"
    assert vocabulary.label(2) == "user_id 17"
    assert vocabulary.label(6) == "color red"


def test_a_user_of_the_same_number_is_not_called_by_the_title_of_an_item():
    one = np.array([UNKNOWN, "1"], dtype=object)
    plain = Vocabulary(("user", "item"), (one, one), {"1": "Toy Story"})
    assert [plain.label(i) for i in (1, 3)] == ["user 1", "Toy Story"]


def test_unknown_fields_and_ids_are_refused(vocabulary):
    with pytest.raises(ValueError, match="no field 'genre'; the fields are 'user_id', 'movie', 'color'"):
        vocabulary.encode("genre", ["x"])
    with pytest.raises(ValueError, match=r"feature_id must be in \[0, 8\), got 8"):
        vocabulary.label(8)
    with pytest.raises(ValueError, match="got -1"):
        vocabulary.decode(-1)
