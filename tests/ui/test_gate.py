"""A shared password, asked for in one place in front of every page."""

import errno

import pytest

from dnis.ui import gate, shell, texts

PASSWORD = "correct horse"
WORDS = texts.page("shell")


@pytest.fixture
def closed(app, monkeypatch):
    monkeypatch.setenv("DNIS_PASSWORD", PASSWORD)
    monkeypatch.setattr(gate, "PAUSE_S", 0.0)
    return app


def shows_nothing(app):
    return not app.exception and not app.title and not app.sidebar.selectbox and len(app.text_input) == 1


@pytest.mark.parametrize("page", [None, *(file for file, _, _ in shell.PAGES)])
def test_nothing_is_shown_before_the_password(closed, page):
    closed.run()
    if page:
        closed.switch_page(page).run()
    assert shows_nothing(closed)
    assert not any("By hand" in text.value for text in [*closed.text, *closed.caption])


@pytest.mark.parametrize("given", ["", "correct", "Correct horse", PASSWORD + " ", "é" * 200])
def test_a_wrong_password_opens_nothing(closed, given):
    closed.run()
    closed.text_input(key="password").set_value(given)
    closed.button[0].click().run()
    assert shows_nothing(closed)
    assert closed.error[0].value == WORDS["wrong_password"]


def test_the_password_opens_every_page_and_is_not_asked_again(closed):
    closed.run()
    closed.text_input(key="password").set_value(PASSWORD)
    closed.button[0].click().run()
    assert closed.title
    closed.switch_page("pages/4_tradeoff.py").run()
    assert closed.title
    assert not closed.exception
    assert PASSWORD not in str(closed.session_state["_entered"])


def test_a_changed_password_asks_again(closed, monkeypatch):
    closed.run()
    closed.text_input(key="password").set_value(PASSWORD)
    closed.button[0].click().run()
    monkeypatch.setenv("DNIS_PASSWORD", "another horse")
    assert shows_nothing(closed.run())


def test_a_setting_that_cannot_be_used_is_said_instead_of_a_page(app, monkeypatch):
    with monkeypatch.context() as setting:
        setting.setenv("DNIS_WORKERS", "many")
        app.run()
    assert not app.exception
    assert [code.value for code in app.code] == ["DNIS_WORKERS must be a whole number in [1, 64], got 'many'"]
    assert not app.title


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (errno.ENOSPC, "The disk of this server is full: nothing new can be kept until old runs are removed."),
        (errno.EROFS, "The folder for runs is on a read-only disk: nothing can be kept here."),
    ],
)
def test_a_disk_that_takes_nothing_is_one_sentence(app, monkeypatch, number, sentence):
    def refuse(page):
        raise OSError(number, "as the system says", "secret-place")

    monkeypatch.setattr(shell.workbench, "draw", refuse)
    app.run()
    assert not app.exception
    assert [error.value for error in app.error] == [sentence]
