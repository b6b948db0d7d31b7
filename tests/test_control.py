"""Somebody outside steers a job between its epochs."""

import threading
from types import SimpleNamespace

import pytest

from dnis.control import AWAKE_S, REST_S, Control, Stopped


def turns_taken(control, at_most):
    return next((n for n in range(at_most) if not control.may_go_on()), at_most)


def test_a_job_goes_on_until_it_is_told_otherwise():
    assert turns_taken(Control(), at_most=5) == 5


def test_stop_ends_it_at_the_next_turn():
    control = Control()
    control.tell("stop")
    assert turns_taken(control, at_most=5) == 0


def test_stop_is_heard_amid_an_epoch_too_and_a_pause_is_not():
    control = Control()
    control.tell("pause")
    control.heed()
    control.tell("stop")
    with pytest.raises(Stopped):
        control.heed()


def test_a_paused_job_waits_for_each_step_and_plays_on_when_told():
    control, done, turn = Control(), threading.Event(), threading.Semaphore(0)
    control.tell("pause")

    def work():
        for _ in range(4):
            if control.may_go_on():
                turn.release()
        done.set()

    threading.Thread(target=work, daemon=True).start()
    assert not turn.acquire(timeout=0.05)
    control.tell("step")
    assert turn.acquire(timeout=5)
    assert not turn.acquire(timeout=0.05)
    control.tell("play")
    assert done.wait(5)


def test_a_job_says_whenever_it_has_to_wait():
    control, held = Control(), threading.Semaphore(0)
    control.on_hold = held.release
    assert control.may_go_on()
    assert not held.acquire(timeout=0.05)
    control.tell("pause")
    waiting = threading.Thread(target=control.may_go_on, daemon=True)
    waiting.start()
    assert held.acquire(timeout=5)
    control.tell("pause")  # as after a play and a pause between which it did not wake
    assert held.acquire(timeout=5)
    control.tell("step")
    waiting.join(5)
    assert not waiting.is_alive()
    assert not held.acquire(timeout=0.05)


def test_a_step_while_playing_pauses_after_it():
    control = Control()
    control.tell("step")
    assert control.may_go_on()
    waiting = threading.Thread(target=control.may_go_on, daemon=True)
    waiting.start()
    waiting.join(0.05)
    assert waiting.is_alive()
    control.tell("stop")
    waiting.join(5)
    assert not waiting.is_alive()


def test_stop_wakes_a_paused_job():
    control, answers = Control(), []
    control.tell("pause")
    waiting = threading.Thread(target=lambda: answers.append(control.may_go_on()), daemon=True)
    waiting.start()
    control.tell("stop")
    waiting.join(5)
    assert answers == [False]


def test_a_job_rests_once_when_told_and_not_again_before_it_has_worked(monkeypatch):
    clock = SimpleNamespace(now_s=100.0, slept=[], monotonic=lambda: clock.now_s)

    def sleep(seconds):
        clock.slept.append(seconds)
        clock.now_s += seconds

    clock.sleep = sleep
    monkeypatch.setattr("dnis.control.time", clock)
    control = Control()
    for wait_s, rests in ((0.0, 1), (AWAKE_S / 2, 1), (AWAKE_S, 2)):
        clock.now_s += wait_s
        control.tell("rest")
        control.heed()
        control.heed()
        assert clock.slept == pytest.approx([REST_S] * rests)
    assert turns_taken(control, at_most=2) == 2


def test_another_word_is_refused():
    with pytest.raises(ValueError, match="got 'dance'"):
        Control().tell("dance")
