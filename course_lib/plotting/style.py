"""The one look of the course's figures."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import as_file, files

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

PALETTE = {
    "blue": "#003f6b",
    "orange": "#d55e00",
    "green": "#009e73",
    "purple": "#9a60d0",
    "grey": "#6e6e6e",
    "ink": "#1a1a1a",
}
"""Colours by name. They stay apart for colour-blind readers; black text is not put on them."""


def use_course_style() -> None:
    """Give every figure drawn from here on the look of the course.

    The functions of this module draw in that look by themselves; call this before you
    draw with matplotlib directly.

    Examples
    --------
    >>> use_course_style()
    >>> mpl.rcParams["figure.facecolor"]
    'white'
    """
    mpl.rcParams.update(_style())


@contextmanager
def course_style() -> Iterator[None]:
    """Draw in the look of the course, and leave the settings as they were.

    All but one: a notebook's backend, loaded at the first figure, turns interactive mode on, and without it
    no later figure would be shown.

    Examples
    --------
    >>> with mpl.rc_context({"lines.linewidth": 7}):
    ...     with course_style():
    ...         inside = mpl.rcParams["lines.linewidth"]
    ...     inside == 7, mpl.rcParams["lines.linewidth"] == 7
    (False, True)
    """
    with mpl.rc_context(_style()):
        yield
        interactive = mpl.is_interactive()
    mpl.interactive(interactive)


def _style() -> dict:
    with as_file(files("course_lib.data") / "course.mplstyle") as path:
        return dict(mpl.rc_params_from_file(path, use_default_template=False))


def plain_numbers(axis) -> None:
    """Write 1, 10, 100, 1,000 on a logarithmic axis.

    Parameters
    ----------
    axis : ``ax.xaxis`` or ``ax.yaxis``; its ticks and their labels are replaced.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> ax = Figure().subplots()
    >>> ax.set_yscale("log")
    >>> plain_numbers(ax.yaxis)
    >>> ax.yaxis.get_major_formatter()(1000), ax.yaxis.get_major_formatter()(0.01)
    ('1,000', '0.01')
    """
    axis.set_major_locator(LogLocator(numticks=7))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))


def write_words(ax: Axes, title: str, xlabel: str, ylabel: str) -> None:
    """The title and the names of the axes; an empty word leaves what stands there.

    Parameters
    ----------
    ax : the axes to write on.
    title, xlabel, ylabel : what to write, "" for nothing.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> ax = Figure().subplots()
    >>> write_words(ax, "", "false-positive rate", "")
    >>> ax.get_title(), ax.get_xlabel()
    ('', 'false-positive rate')
    """
    for words, write in ((title, ax.set_title), (xlabel, ax.set_xlabel), (ylabel, ax.set_ylabel)):
        if words:
            write(words)
