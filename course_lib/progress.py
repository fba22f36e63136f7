"""Progress bars for long work: shown to a person, silent in the built book and in logs."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

__all__ = ["progress"]

Item = TypeVar("Item")


def progress(
    iterable: Iterable[Item],
    description: str = "",
    disable: bool | None = None,
    total: int | None = None,
) -> Iterator[Item]:
    """The items of `iterable`, with a bar on the error stream while someone watches.

    Parameters
    ----------
    iterable : what to go through; its items and their order stay as they are.
    description : words in front of the bar.
    disable : True for no bar, False for a bar. None asks the environment: no bar when
        ``COURSE_PROGRESS=0`` is set (the book is built so), nor when the error stream is
        neither a terminal nor a notebook.
    total : number of items, where `iterable` has no length.

    Yields
    ------
    The items.

    Examples
    --------
    >>> [n * n for n in progress(range(4), "squares", disable=True)]
    [0, 1, 4, 9]
    """
    if _nobody_watches() if disable is None else disable:
        yield from iterable
        return
    from tqdm import tqdm  # not there in the browser, where no bar is shown

    yield from tqdm(iterable, desc=description, total=total)


def _nobody_watches() -> bool:
    """Whether the environment asks for silence or has no place to draw a bar."""
    if os.environ.get("COURSE_PROGRESS") == "0" or sys.platform == "emscripten":
        return True
    if "ipykernel" in sys.modules:
        return False
    return not getattr(sys.stderr, "isatty", lambda: False)()
