"""Show a function of the course where it is used, taken from its source and never pasted."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from html import escape

__all__ = ["Source", "show_source"]


@dataclass(frozen=True, repr=False)
class Source:
    """Python source that a notebook shows as code and a terminal as text.

    Parameters
    ----------
    text : the source.

    Examples
    --------
    >>> Source("x = 1")
    x = 1
    """

    text: str

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        return f'<div class="highlight"><pre tabindex="0">{_coloured(self.text)}</pre></div>'


def show_source(function: Callable | type, with_docstring: bool = False) -> Source:
    """The source of a function or class, as its module holds it.

    Parameters
    ----------
    function : a function, method or class written in Python.
    with_docstring : whether to keep its docstring (those of a class's methods always stay).

    Returns
    -------
    An object that shows itself as code in a notebook and as text elsewhere.

    Raises
    ------
    TypeError
        if there is no Python source, as for functions written in C.

    Examples
    --------
    >>> from course_lib.datasets import data_files
    >>> show_source(data_files)
    def data_files() -> tuple[str, ...]:
        return tuple(sorted(f.name for f in files("course_lib.data").iterdir() if f.name.endswith(".csv")))
    """
    try:
        text = textwrap.dedent(inspect.getsource(function))
    except (TypeError, OSError):
        raise TypeError(f"{function!r} has no Python source to show") from None
    return Source((text if with_docstring else _without_docstring(text)).rstrip())


def _without_docstring(text: str) -> str:
    definition = ast.parse(text).body[0]
    if ast.get_docstring(definition, clean=False) is None:
        return text
    docstring = definition.body[0]
    lines = text.splitlines()
    if len(definition.body) == 1:
        lines[docstring.lineno - 1 : docstring.end_lineno] = [" " * docstring.col_offset + "..."]
    else:
        end = docstring.end_lineno
        while end < len(lines) and not lines[end].strip():
            end += 1
        del lines[docstring.lineno - 1 : end]
    return "\n".join(lines)


def _coloured(text: str) -> str:
    """HTML of Python source, with the classes of Pygments where it is installed."""
    try:
        from pygments import highlight
        from pygments.formatters import HtmlFormatter
        from pygments.lexers import PythonLexer
    except ImportError:
        return escape(text, quote=False)
    return highlight(text, PythonLexer(), HtmlFormatter(nowrap=True)).rstrip("\n")
