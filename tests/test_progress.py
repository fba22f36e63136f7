"""Progress bars: what they pass on, and when they stay silent. And sources, shown as they are."""

import io
import sys

import pytest

from course_lib.display import Source, show_source
from course_lib.progress import progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def watched(monkeypatch):
    """An error stream that is a terminal, in a process that is no notebook."""
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.delenv("COURSE_PROGRESS", raising=False)
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)
    return stream


@pytest.mark.parametrize("disable", [True, False, None])
def test_items_and_their_order_stay(watched, disable):
    assert list(progress("abc", "letters", disable=disable)) == ["a", "b", "c"]


def test_a_terminal_shows_the_bar_and_its_description(watched):
    list(progress(range(3), "blocks"))
    assert "blocks" in watched.getvalue() and "3/3" in watched.getvalue()


def test_a_generator_can_say_how_many(watched):
    list(progress((n for n in range(4)), "blocks", total=4))
    assert "4/4" in watched.getvalue()


def test_a_notebook_shows_the_bar(watched, monkeypatch):
    monkeypatch.setattr(watched, "isatty", lambda: False)
    monkeypatch.setitem(sys.modules, "ipykernel", object())
    list(progress(range(3), "blocks"))
    assert "3/3" in watched.getvalue()


@pytest.mark.parametrize("reason", ["environment", "log", "no stream", "browser", "argument"])
def test_it_is_silent_for(watched, monkeypatch, reason):
    if reason == "environment":
        monkeypatch.setenv("COURSE_PROGRESS", "0")
    elif reason == "log":
        monkeypatch.setattr(watched, "isatty", lambda: False)
    elif reason == "no stream":
        monkeypatch.setattr(sys, "stderr", None)
    elif reason == "browser":
        monkeypatch.setattr(sys, "platform", "emscripten")
        monkeypatch.setitem(sys.modules, "tqdm", None)  # it is not there
    assert list(progress(range(3), "blocks", disable=True if reason == "argument" else None)) == [0, 1, 2]
    assert watched.getvalue() == ""


def test_the_argument_wins_over_the_environment(watched, monkeypatch):
    monkeypatch.setenv("COURSE_PROGRESS", "0")
    list(progress(range(3), "blocks", disable=False))
    assert "3/3" in watched.getvalue()


def test_items_come_one_at_a_time():
    def endless():
        n = 0
        while True:
            yield n
            n += 1

    assert next(iter(progress(endless(), disable=True))) == 0


# Sources ---------------------------------------------------------------------------------------


def documented(x):
    """One line.

    And more.
    """

    # A comment stays.
    return x + "<"


def only_documented():
    """Nothing but words."""


def plain(x): return x  # noqa: E704


class Documented:
    """A class."""

    def method(self):
        """Inside."""
        return 1


def test_the_docstring_goes_and_the_rest_stays():
    assert repr(show_source(documented)) == 'def documented(x):\n    # A comment stays.\n    return x + "<"'


def test_the_docstring_can_stay():
    assert "And more." in repr(show_source(documented, with_docstring=True))


def test_a_function_of_words_keeps_a_body():
    assert repr(show_source(only_documented)) == "def only_documented():\n    ..."


def test_a_function_without_docstring_is_shown_whole():
    assert repr(show_source(plain)) == "def plain(x): return x  # noqa: E704"


def test_a_method_starts_at_the_margin():
    assert repr(show_source(Documented.method)) == "def method(self):\n    return 1"


def test_a_class_keeps_the_docstrings_of_its_methods():
    shown = repr(show_source(Documented))
    assert "A class." not in shown and "Inside." in shown


@pytest.mark.parametrize("thing", [len, 3])
def test_what_has_no_source_is_refused(thing):
    with pytest.raises(TypeError, match="no Python source"):
        show_source(thing)


def test_html_escapes_the_source(monkeypatch):
    assert "<script>" not in Source("'<script>'")._repr_html_()
    monkeypatch.setitem(sys.modules, "pygments", None)
    plain_html = Source("x = '<b>'")._repr_html_()
    assert "x = '&lt;b&gt;'" in plain_html and "<span" not in plain_html


def test_what_is_shown_still_runs():
    scope = {}
    exec(repr(show_source(documented)), scope)
    assert scope["documented"]("a") == "a<"
