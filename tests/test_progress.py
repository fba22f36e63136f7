"""Progress bars: what they pass on, and when they stay silent."""

import contextlib
import io
import sys

import pytest

from course_lib.progress import progress


class Stream(io.StringIO):
    def __init__(self, terminal):
        super().__init__()
        self.isatty = lambda: terminal


@pytest.fixture(autouse=True)
def no_notebook(monkeypatch):
    monkeypatch.delenv("COURSE_PROGRESS", raising=False)
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)


def drawn(items=range(3), terminal=True, **keywords):
    """What a run over the items writes to its error stream."""
    stream = Stream(terminal)
    with contextlib.redirect_stderr(stream):
        passed_on = list(progress(items, "blocks", **keywords))
    assert passed_on == list(range(len(passed_on)))
    return stream.getvalue()


@pytest.mark.parametrize("disable", [True, False, None])
def test_items_and_their_order_stay(disable):
    assert list(progress("abc", "letters", disable=disable)) == ["a", "b", "c"]


def test_a_terminal_shows_the_bar_and_its_description():
    bar = drawn()
    assert "blocks" in bar and "3/3" in bar


def test_a_generator_can_say_how_many():
    assert "4/4" in drawn((n for n in range(4)), total=4)


def test_a_notebook_shows_the_bar(monkeypatch):
    monkeypatch.setitem(sys.modules, "ipykernel", object())
    assert "3/3" in drawn(terminal=False)


def test_a_log_shows_none():
    assert drawn(terminal=False) == ""


def test_a_build_shows_none(monkeypatch):
    monkeypatch.setenv("COURSE_PROGRESS", "0")
    assert drawn() == ""
    assert "3/3" in drawn(disable=False)  # the argument wins


def test_the_browser_needs_no_tqdm(monkeypatch):
    monkeypatch.setattr(sys, "platform", "emscripten")
    monkeypatch.setitem(sys.modules, "tqdm", None)
    assert drawn() == ""


def test_the_argument_switches_it_off():
    assert drawn(disable=True) == ""


def test_a_process_without_an_error_stream_is_silent():
    with contextlib.redirect_stderr(None):
        assert list(progress(range(3))) == [0, 1, 2]


def test_items_come_one_at_a_time():
    def endless():
        n = 0
        while True:
            yield n
            n += 1

    assert next(iter(progress(endless(), disable=True))) == 0
