"""A search as data for the player."""

import base64
import json
from dataclasses import replace

import numpy as np
import pytest

from dnis.ui import film, texts

WORDS = texts.page("player")


def frames(data):
    shape = (-1, len(data["blocks"]), data["columns"])
    return np.frombuffer(base64.b64decode(data["alpha"]), np.uint8).reshape(shape)


def test_a_finished_search_becomes_frames_of_one_byte_per_cell(tiny_search):
    data = film.of_result(tiny_search, WORDS)
    # alpha by hand: 1 -> 255, 0.5 -> 127.5, to even 128
    assert frames(data).tolist() == [[[255, 255], [255, 255]], [[255, 128], [128, 255]]]
    assert data["epochs"] == [1, 2]
    assert data["notes"] == [[2, WORDS["kept"]], [2, "a note"]]
    assert data["blocks"][0]["about"] == " (1 features, seen 3 to 3 times)"


def test_a_loss_that_is_not_a_number_is_a_gap(tiny_search):
    data = film.of_result(tiny_search, WORDS)
    assert data["losses"] == {"train": [0.9, 0.8], "test": [1.0, None]}
    json.dumps(data, allow_nan=False)


def test_a_search_under_way_shows_what_it_has_said_so_far():
    config = {"n_blocks": 5, "embedding_dim": 2, "lr_alpha": 0.1}
    assert len(film.of_events([], config, WORDS)["blocks"]) == 5
    event = {
        "event": "epoch",
        "epoch": 1,
        "epochs": 9,
        "phase": "warm",
        "losses": {},
        "alpha": np.ones((3, 2)),
        "notes": [],
    }
    data = film.of_events([{"event": "started"}, event], config, WORDS, live=True)
    assert (len(data["blocks"]), data["total"], data["live"]) == (3, 9, True)


def test_many_blocks_are_drawn_as_means_of_neighbours():
    alpha = np.repeat(np.linspace(0, 1, 100), 4).reshape(100, 4)
    event = {
        "event": "epoch",
        "epoch": 1,
        "phase": "search",
        "losses": {},
        "alpha": alpha,
        "dims_by_block": np.arange(100),
    }
    data = film.of_events([event], {"n_blocks": 100, "embedding_dim": 4, "lr_alpha": 0.1}, WORDS)
    assert len(data["blocks"]) == 50
    assert data["blocks"][1]["name"] == "2 to 3"
    # by hand: the mean of 2 / 99 and 3 / 99, in 255ths
    assert frames(data)[0, 1, 0] == round(2.5 / 99 * 255)
    assert data["dims"][0][1] == 2.5


def test_a_long_search_keeps_within_the_size_and_ends_with_its_last_frame(monkeypatch):
    monkeypatch.setattr(film, "MAX_BYTES", 40)
    events = [
        {"event": "epoch", "epoch": i + 1, "phase": "search", "losses": {}, "alpha": np.full((2, 4), i / 20)}
        for i in range(20)
    ]
    data = film.of_events(events, {"n_blocks": 2, "embedding_dim": 4, "lr_alpha": 0.1}, WORDS)
    assert frames(data).size <= 40 + 8
    assert data["frames"][-1] == len(frames(data)) - 1
    assert frames(data)[-1, 0, 0] == round(19 / 20 * 255)


@pytest.mark.parametrize("wrong", [np.nan, -0.5, 2.0])
def test_a_diverged_alpha_is_still_drawn(wrong):
    event = {"event": "epoch", "epoch": 1, "phase": "search", "losses": {}, "alpha": np.full((1, 1), wrong)}
    data = film.of_events([event], {"n_blocks": 1, "embedding_dim": 1, "lr_alpha": 0.1}, WORDS)
    assert frames(data)[0, 0, 0] in (0, 255)


def test_a_sentence_beside_its_epoch_does_not_name_it_again():
    notes = ["alpha starts to move in epoch 5", "block 3 lost its last dimension in epoch 5", "seen in epoch 4"]
    event = {"epoch": 5, "epochs": 9, "phase": "search", "losses": {}, "alpha": np.ones((1, 1)), "notes": notes}
    data = film.of_events(
        [{"event": "started"}, {"event": "epoch", **event}], {"n_blocks": 1, "embedding_dim": 1, "lr_alpha": 0.1}, WORDS
    )
    assert [text for _, text in data["notes"]] == [
        "alpha starts to move",
        "block 3 lost its last dimension",
        "seen in epoch 4",
    ]


def test_a_search_with_frozen_alpha_does_not_say_that_alpha_learns(tiny_search):
    frozen = replace(tiny_search, config=replace(tiny_search.config, lr_alpha=0.0))
    assert film.of_result(frozen, WORDS)["words"]["search"] == WORDS["frozen"]
    assert film.of_events([], {"n_blocks": 1, "embedding_dim": 1, "lr_alpha": 0.0}, WORDS)["words"]["search"] == (
        "only weights learn, alpha is frozen"
    )
    assert film.of_result(tiny_search, WORDS)["words"]["search"] == WORDS["search"]


def test_blocks_within_fields_are_not_called_popular_and_rare(tiny_search):
    result = replace(tiny_search, config=replace(tiny_search.config, blocks="field"))
    assert [film.of_result(result, WORDS)["words"][name] for name in ("popular", "rare")] == ["", ""]
    assert film.of_result(tiny_search, WORDS)["words"]["popular"] == WORDS["popular"]
    config = {"n_blocks": 5, "embedding_dim": 2, "lr_alpha": 0.1, "blocks": "field"}
    assert film.of_events([], config, WORDS)["words"]["rows"] == WORDS["by_field"]["rows"]
