"""How long a job will probably wait, by hand."""

import pytest

from dnis.ui.waiting import Durations, remaining_s, waits_s


def test_with_one_worker_everybody_waits_for_those_in_front():
    assert waits_s([10.0], [5.0, 7.0, 1.0], 1) == [10.0, 15.0, 22.0]


def test_with_two_workers_the_first_that_is_free_takes_the_next():
    # free at 4 and at 10: the first waits 4 and is done at 9, the second waits 9, and so on
    assert waits_s([10.0, 4.0], [5.0, 7.0, 1.0], 2) == [4.0, 9.0, 10.0]


def test_a_free_worker_starts_at_once():
    assert waits_s([8.0], [5.0, 5.0], 2) == [0.0, 5.0]
    assert waits_s([], [], 2) == []


@pytest.mark.parametrize(
    ("elapsed", "done", "total", "left"),
    [
        (10.0, 0, 0, 20.0),  # as long as others of its kind
        (10.0, 5, 8, 6.0),  # 2 s an epoch, three to come
        (10.0, 1, 60, 20.0),  # 590 s by its own pace, but others stop early
        (50.0, 10, 14, 20.0),  # longer than others already: only its own pace is left
        (50.0, 0, 0, 1.0),
        (10.0, 8, 8, 1.0),
    ],
)
def test_what_a_running_job_still_needs_is_the_smaller_of_two_guesses(elapsed, done, total, left):
    assert remaining_s(30.0, elapsed, done, total) == pytest.approx(left)


def test_the_guess_follows_the_last_twenty_jobs_of_the_kind():
    durations = Durations()
    assert (durations.expected_s("search"), durations.expected_s("unheard of")) == (30.0, 60.0)
    for seconds in (1.0, 2.0, 90.0):
        durations.note("search", seconds)
    assert durations.expected_s("search") == 2.0
    for _ in range(20):
        durations.note("search", 7.0)
    assert (durations.expected_s("search"), durations.expected_s("retrain")) == (7.0, 20.0)
