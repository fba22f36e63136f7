"""A function is shown as its source, and the source as code."""

import sys

import pytest

from course_lib.display import Source, show_source


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
