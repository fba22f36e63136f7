"""What every check is put through, so that a chapter's test holds a table and three lines.

    from verdicts import Examples, verdict_tests
    from course_lib.checks import rebuilding_a_block as checks

    EXAMPLES = {
        "exercise_1": Examples(right=[7], wrong=[6, 8, 7.5, "7"]),
        "exercise_2": [
            Examples(right=[21], wrong=[20, 22, 2.1]),
            Examples(right=[34], wrong=[21, 33, 3.4], keywords={"seed": 5}),
        ],
    }
    test_right, test_wrong, test_blank, test_any, test_silent = verdict_tests(checks, EXAMPLES)

A wrong answer may be ``Because(answer, words)``: the reason must hold these words.
"""

from __future__ import annotations

import decimal
import inspect
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest

from course_lib.checks.answers import Verdict

FEWEST_WRONG = 3


@dataclass(frozen=True)
class Because:
    """A wrong answer, and words that the reason must hold."""

    answer: Any
    words: str


@dataclass(frozen=True)
class Examples:
    """Answers to one exercise with known verdicts; ``keywords`` go to the check, ``seed`` say."""

    right: Sequence[Any]
    wrong: Sequence[Any]  # answers, or Because(answer, words)
    keywords: dict[str, Any] = field(default_factory=dict)


class Raising:
    """An object whose every method raises, comparison and length included."""

    def _raise(self, *_):
        raise RuntimeError("no")

    __eq__ = __ne__ = __lt__ = __len__ = __iter__ = __bool__ = __float__ = __index__ = __int__ = __call__ = _raise
    __repr__ = __str__ = __hash__ = __getattr__ = __contains__ = __getitem__ = _raise


class RaisingList(list):
    """A list that cannot be looked at."""

    def __iter__(self):
        raise RuntimeError("no")

    __len__ = __eq__ = __getitem__ = __iter__


def exits(*_, **__):
    """A reader's function that ends the program."""
    raise SystemExit


HOSTILE = {
    "object": object(),
    "raising": Raising(),
    "raising list": RaisingList([1]),
    "nan": float("nan"),
    "infinity": float("inf"),
    "huge": 10**400,
    "long text": "7" * 1_000_000,
    "text": "seven",
    "bytes": b"7",
    "True": True,
    "complex": 1j,
    "empty list": [],
    "empty dictionary": {},
    "nested": [[[...]]],
    "dictionary": {"answer": ...},
    "array": np.arange(6).reshape(2, 3),
    "empty array": np.array([]),
    "array of objects": np.array([None, "a", 1.5], dtype=object),
    "numpy nan": np.float64("nan"),
    "numpy truth": np.bool_(True),
    "date": np.datetime64("2020-01-01"),
    "pandas NA": pd.NA,
    "series": pd.Series([1.0, None]),
    "frame": pd.DataFrame({"a": [1]}),
    "decimal": decimal.Decimal("NaN"),
    "fraction": Fraction(22, 7),
    "class": int,
    "module": np,
    "function without arguments": lambda: 1,
    "function that raises": lambda *_, **__: 1 / 0,
    "function that exits": exits,
    "function of itself": lambda *arguments, **keywords: arguments,
    "generator": (n for n in ()),
}
BLANKS = {"...": ..., "None": None, "nothing written": "", "pair of blanks": (..., ...)}


def checks_of(module: ModuleType) -> list[str]:
    """The names of a module's checks."""
    return [name for name, value in vars(module).items() if re.fullmatch(r"exercise_\d+", name) and callable(value)]


def table_problems(module: ModuleType, examples: dict) -> list[str]:
    """Which checks a table leaves out or covers too thinly, and what in the module is not a check."""
    problems = [f"{name}: no examples" for name in checks_of(module) if name not in examples]
    problems += [f"{name}: examples, but no such check" for name in examples if name not in checks_of(module)]
    for name, rows in examples.items():
        rows = rows if isinstance(rows, list) else [rows]
        if not rows or not all(row.right for row in rows):
            problems.append(f"{name}: no right answer")
        if any(len(row.wrong) < FEWEST_WRONG for row in rows):
            problems.append(f"{name}: fewer than {FEWEST_WRONG} wrong answers")
        if name in checks_of(module) and not hasattr(getattr(module, name), "expects"):
            problems.append(f"{name}: lacks the decorator check")
        if name in checks_of(module) and not inspect.getdoc(getattr(module, name)):
            problems.append(f"{name}: lacks a docstring")
    return problems


def verdict(check, answer: Any, keywords: dict | None = None) -> Verdict:
    """The verdict of a check, which must be one, and must show itself as text and as HTML."""
    given = check(answer, **(keywords or {}))
    assert type(given) is Verdict, f"{check.__name__} returned {type(given).__name__}, not a Verdict"
    assert given.state in ("right", "wrong", "not attempted")
    assert given.state.capitalize() in repr(given)
    assert given.state.capitalize() in given._repr_html_()
    return given


def leaks(answer: Any, reason: str) -> bool:
    """Whether a reason holds a right answer of two digits or more.

    >>> leaks(47, "It is 47."), leaks(47, "It is 147."), leaks(4, "4 of them")
    (True, False, False)
    """
    if isinstance(answer, bool) or not isinstance(answer, int | float) or abs(answer) < 10:
        return False
    return re.search(rf"(?<![\d.]){re.escape(str(answer))}(?![\d]|\.\d)", reason) is not None


def verdict_tests(module: ModuleType, examples: dict[str, Examples | list[Examples]]) -> tuple:
    """Five tests of a chapter's checks: right, wrong, blank and any answers, and silent reasons."""
    found = table_problems(module, examples)
    if found:
        raise AssertionError(f"{module.__name__}: " + "; ".join(found))
    rows = [(name, row) for name, given in examples.items() for row in (given if isinstance(given, list) else [given])]

    def label(name, number, row):
        return f"{name}-{number}" + "".join(f"-{key}={value}" for key, value in row.keywords.items())

    def cases(kind):
        return [
            pytest.param(getattr(module, name), answer, row, id=label(name, number, row))
            for name, row in rows
            for number, answer in enumerate(getattr(row, kind))
        ]

    every = [pytest.param(getattr(module, name), row, id=label(name, 0, row)) for name, row in rows]

    @pytest.mark.parametrize(("check", "answer", "row"), cases("right"))
    def test_right(check, answer, row):
        given = verdict(check, answer, row.keywords)
        assert given.state == "right", given

    @pytest.mark.parametrize(("check", "answer", "row"), cases("wrong"))
    def test_wrong(check, answer, row):
        because = answer if isinstance(answer, Because) else Because(answer, "")
        given = verdict(check, because.answer, row.keywords)
        assert given.state == "wrong", given
        assert given.message.strip(), "a wrong answer gets a reason"
        assert because.words in given.message, given

    @pytest.mark.parametrize(("check", "row"), every)
    def test_blank(check, row):
        for name, blank in BLANKS.items():
            assert verdict(check, blank, row.keywords).state == "not attempted", name
        assert check().state == "not attempted"

    @pytest.mark.parametrize(("check", "row"), every)
    def test_any_answer(check, row):
        for name, answer in HOSTILE.items():
            assert verdict(check, answer, row.keywords).state != "right", name

    @pytest.mark.parametrize(("check", "row"), every)
    def test_no_answer_in_a_reason(check, row):
        answers = [answer.answer if isinstance(answer, Because) else answer for answer in row.wrong]
        for answer in [*answers, *HOSTILE.values()]:
            reason = verdict(check, answer, row.keywords).message
            assert not any(leaks(secret, reason) for secret in row.right), reason

    return test_right, test_wrong, test_blank, test_any_answer, test_no_answer_in_a_reason
