"""Progress bars: what they pass on, and when they stay silent. And sources, shown as they are."""

import contextlib
import io
import sys

import pytest

from course_lib.display import Source, show_source
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
