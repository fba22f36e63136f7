"""Verdicts on answers: right, wrong with a reason, or not attempted.

A check is a function with the decorator ``check``. Inside it, helpers such as
``as_whole_number`` read the answer; where they cannot, the verdict is "wrong" with a
message that says what was asked for. Whatever a reader hands in, a check never raises.
"""

from __future__ import annotations

import functools
import html
import math
import operator
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Literal

__all__ = [
    "Blank",
    "Unreadable",
    "Verdict",
    "as_names",
    "as_number",
    "as_numbers",
    "as_whole_number",
    "call",
    "check",
    "describe",
    "is_blank",
    "not_attempted",
    "right",
    "wrong",
]

State = Literal["right", "wrong", "not attempted"]
_LONGEST_MESSAGE = 600


@dataclass(frozen=True)
class Verdict:
    """What a check says about an answer.

    Parameters
    ----------
    state : ``"right"``, ``"wrong"`` or ``"not attempted"``.
    message : one or two sentences for the reader; for a wrong answer the reason.

    Examples
    --------
    >>> Verdict("wrong", "That is the share, we asked for the count.")
    Wrong: That is the share, we asked for the count.
    >>> Verdict("right", "")
    Right
    """

    state: State
    message: str = ""

    def __bool__(self) -> bool:
        raise TypeError("a verdict has three states: compare verdict.state with 'right'")

    def __repr__(self) -> str:
        return f"{self.state.capitalize()}: {self.message}" if self.message else self.state.capitalize()

    def _repr_html_(self) -> str:
        # The state is named in words; the line keeps the page's own colours, light or dark.
        mark, line = {"right": ("✓", "solid"), "wrong": ("✗", "dashed")}.get(self.state, ("–", "dotted"))
        return (
            f'<div role="status" style="border-left: 4px {line} currentColor; padding: 0.3em 0.8em">'
            f'<span aria-hidden="true">{mark} </span><strong>{self.state.capitalize()}</strong>'
            f"{html.escape(': ' + self.message if self.message else '')}</div>"
        )


def right(message: str = "") -> Verdict:
    """The verdict "right".

    >>> right("And the other two blocks?").state
    'right'
    """
    return Verdict("right", message)


def wrong(reason: str) -> Verdict:
    """The verdict "wrong"; the reason must not give the answer away.

    >>> wrong("You counted pairs.")
    Wrong: You counted pairs.
    """
    if len(reason) > _LONGEST_MESSAGE:
        reason = reason[: _LONGEST_MESSAGE - 1] + "…"
    return Verdict("wrong", reason)


def not_attempted() -> Verdict:
    """The verdict on a blank.

    >>> not_attempted().state
    'not attempted'
    """
    return Verdict("not attempted", "replace the ... with your answer and run the cell again.")


class Unreadable(Exception):
    """An answer is not of the kind that was asked for; the message tells the reader so."""


class Blank(Exception):
    """An answer turns out to be blank only when it is used: a function whose body is still ``...``."""


def is_blank(answer: Any) -> bool:
    """Whether nothing has been written: ``...``, None, an empty text, or only such things.

    >>> is_blank(...), is_blank((..., ...)), is_blank({"a": ...}), is_blank(" ")
    (True, True, True, True)
    >>> is_blank(0), is_blank([]), is_blank((1, ...))
    (False, False, False)
    """
    if answer is ... or answer is None:
        return True
    if type(answer) is str:
        return not answer[:1000].strip()
    # Exact types: a subclass may do anything when it is looped over.
    if type(answer) in (tuple, list, dict) and 0 < len(answer) < 1000:
        items = answer.values() if type(answer) is dict else answer
        return all(item is ... or item is None for item in items)
    return False


def check(expects: str) -> Callable[[Callable[..., Verdict]], Callable[..., Verdict]]:
    """Make a function of an answer into a check: blanks are not attempted, and it never raises.

    Parameters
    ----------
    expects : what a readable answer is, after the words "we asked for".

    Returns
    -------
    A decorator for functions ``exercise_N(answer, ...)`` that return a verdict.

    Examples
    --------
    >>> @check("a whole number")
    ... def exercise_1(answer):
    ...     return right() if as_whole_number(answer) == 7 else wrong("Count again.")
    >>> exercise_1(7), exercise_1(6), exercise_1(...)
    (Right, Wrong: Count again., Not attempted: replace the ... with your answer and run the cell again.)
    >>> exercise_1("seven")
    Wrong: we asked for a whole number, this is a text.
    """

    def decorate(function: Callable[..., Verdict]) -> Callable[..., Verdict]:
        @functools.wraps(function)
        def checked(answer: Any = ..., *arguments: Any, **keywords: Any) -> Verdict:
            try:
                if is_blank(answer):
                    return not_attempted()
                return function(answer, *arguments, **keywords)
            except Blank:
                return not_attempted()
            except Unreadable as error:
                return wrong(str(error) or _not_asked_for(expects, answer))
            except (Exception, SystemExit):  # whatever the answer's own methods do
                return wrong(_not_asked_for(expects, answer))

        checked.expects = expects
        return checked

    return decorate


def _not_asked_for(expects: str, answer: Any) -> str:
    if expects.startswith("a function") and callable(answer):
        return f"we asked for {expects}; yours returns something else."
    return f"we asked for {expects}, this is {describe(answer)}."


def describe(answer: Any) -> str:
    """What kind of thing an answer is, in words and without looking into it.

    >>> describe("7"), describe([7]), describe(7.0), describe(describe)
    ('a text', 'a list', 'a number with a decimal point', 'a function')
    """
    words = {
        bool: "True or False",
        int: "a whole number",
        float: "a number with a decimal point",
        complex: "a complex number",
        str: "a text",
        list: "a list",
        tuple: "a tuple",
        dict: "a dictionary",
        set: "a set",
        type(describe): "a function",
    }
    kind = type(answer)
    foreign = {"ndarray": "an array", "Series": "a column of a table", "DataFrame": "a table"}
    return words.get(kind) or foreign.get(kind.__name__) or f"an object of type {kind.__name__[:60]}"


def as_whole_number(answer: Any) -> int:
    """The whole number an answer stands for: an int, a numpy integer, a float or fraction that is whole.

    Raises
    ------
    Unreadable
        for anything else, True and False included.

    Examples
    --------
    >>> as_whole_number(7.0)
    7
    >>> as_whole_number(7.5)
    Traceback (most recent call last):
    ...
    course_lib.checks.answers.Unreadable: we asked for a whole number, this has a fraction.
    """
    if _is_truth_value(answer) or isinstance(answer, str | bytes):
        raise Unreadable
    try:
        return operator.index(answer)
    except Exception:
        pass
    if callable(getattr(answer, "as_long", None)):  # a number of Z3
        return int(answer.as_long())
    value = as_number(answer)
    if value != math.floor(value):
        raise Unreadable("we asked for a whole number, this has a fraction.")
    return int(answer) if math.isfinite(value) else int(value)


def as_number(answer: Any) -> float:
    """The number an answer stands for, as a float: int, float, Fraction, Decimal or a numpy scalar.

    Raises
    ------
    Unreadable
        for anything else, and for numbers that are not finite.

    Examples
    --------
    >>> from fractions import Fraction
    >>> as_number(Fraction(1, 4))
    0.25
    >>> as_number(float("nan"))
    Traceback (most recent call last):
    ...
    course_lib.checks.answers.Unreadable: we asked for a finite number.
    """
    if _is_truth_value(answer) or isinstance(answer, str | bytes | complex):
        raise Unreadable
    try:
        value = answer.as_fraction() if callable(getattr(answer, "as_fraction", None)) else answer
        value = float(value)
    except OverflowError:
        raise Unreadable("this number is far too large.") from None
    except Exception:
        raise Unreadable from None
    if not math.isfinite(value):
        raise Unreadable("we asked for a finite number.")
    return value


def as_numbers(answer: Any, count: int | None = None) -> tuple[float, ...]:
    """The numbers in a list, a tuple or a one-dimensional array, in order.

    Parameters
    ----------
    count : how many there must be; None for any number up to 100,000.

    Examples
    --------
    >>> as_numbers([1, 2.5], count=2)
    (1.0, 2.5)
    >>> as_numbers([1], count=2)
    Traceback (most recent call last):
    ...
    course_lib.checks.answers.Unreadable: we asked for 2 numbers, this holds 1.
    """
    if isinstance(answer, set | frozenset):
        raise Unreadable("a set has no order: put the numbers into a tuple or a list.")
    items = _items(answer)
    if any(item is ... or item is None for item in items):
        raise Unreadable("a part of this is still blank.")
    if count is not None and len(items) != count:
        raise Unreadable(f"we asked for {count} numbers, this holds {len(items)}.")
    return tuple(as_number(item) for item in items)


def as_names(answer: Any, known: Collection[str]) -> list[str]:
    """The distinct names in a list, tuple, set or array, or the one name that is a text; sorted.

    Parameters
    ----------
    known : the names of the rows of a table. Another name is unreadable, and so is what is no text.

    Examples
    --------
    >>> as_names(["3A", "2B", "3A"], known=["1A", "2B", "3A"]), as_names("2B", known=["2B"])
    (['2B', '3A'], ['2B'])
    >>> as_names(["9Z"], known=["1A", "2B"])
    Traceback (most recent call last):
    ...
    course_lib.checks.answers.Unreadable: '9Z' is not a row of the table; they are 1A, 2B.
    """
    names = [answer] if isinstance(answer, str) else _items(answer)
    if not all(isinstance(name, str) for name in names):
        raise Unreadable
    for name in names:
        if name not in known:
            raise Unreadable(f"{name[:20]!r} is not a row of the table; they are {', '.join(known)}.")
    return sorted(set(names))


def _items(answer: Any) -> list:
    if isinstance(answer, str | bytes | dict) or not hasattr(answer, "__len__"):
        raise Unreadable
    if len(answer) > 100_000:
        raise Unreadable("this holds far more values than were asked for.")
    return list(answer.tolist() if callable(getattr(answer, "tolist", None)) else answer)


def call(function: Any, *arguments: Any, **keywords: Any) -> Any:
    """The result of a reader's function; a blank body or an error inside it becomes the verdict.

    Raises
    ------
    Blank
        if it returns ``...`` or None: its body has not been written.
    Unreadable
        if it is no function, or it raises.

    Examples
    --------
    >>> call(max, 3, 4)
    4
    >>> call(lambda rows: rows[9], [1])
    Traceback (most recent call last):
    ...
    course_lib.checks.answers.Unreadable: your function stops with IndexError: list index out of range
    """
    if not callable(function):
        raise Unreadable
    try:
        result = function(*arguments, **keywords)
    except (Exception, SystemExit) as error:
        raise Unreadable(f"your function stops with {type(error).__name__}: {error}"[:_LONGEST_MESSAGE]) from None
    if result is ... or result is None:
        raise Blank
    return result


def _is_truth_value(answer: Any) -> bool:
    return isinstance(answer, bool) or type(answer).__name__ in ("bool_", "bool", "BoolRef")
