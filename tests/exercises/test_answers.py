"""Verdicts have three states and checks never raise, whatever they are given."""

import decimal
import subprocess
import sys
import types
from fractions import Fraction

import numpy as np
import pytest
import verdicts
from verdicts import Because, Examples, verdict_tests

from course_lib.checks.answers import (
    Blank,
    Unreadable,
    Verdict,
    as_names,
    as_number,
    as_numbers,
    as_whole_number,
    call,
    check,
    is_blank,
    right,
    wrong,
)


@check("a whole number")
def exercise_1(answer, seed=0):
    """The number 47 and the seed."""
    value = as_whole_number(answer)
    if value == 46 + seed:
        return wrong("You left one out.")
    return right() if value == 47 + seed else wrong("Count the rows again.")


@check("a function of one number")
def exercise_2(answer):
    """A function that doubles."""
    return right("Now halve.") if all(call(answer, n) == 2 * n for n in (0, 3)) else wrong("Try it on 3.")


@check("a set of names")
def exercise_3(answer):
    """Two cells."""
    return right() if as_names(answer, ["1A", "2B", "3A"]) == ["2B", "3A"] else wrong("Look at the second column.")


@check("two numbers")
def exercise_4(answer):
    """Compares without reading first: what the answer's own methods raise is caught."""
    if isinstance(answer, np.ndarray) and answer == (0.5, 0.25):
        return right()
    return right() if as_numbers(answer, 2) == (0.5, 0.25) else wrong("Divide.")


MODULE = types.ModuleType("chapter")
for function in (exercise_1, exercise_2, exercise_3, exercise_4):
    setattr(MODULE, function.__name__, function)

EXAMPLES = {
    "exercise_1": [
        Examples(
            right=[47, 47.0, np.int64(47), Fraction(47), np.array(47)],
            wrong=[Because(46, "left one out"), "47", 47.5],
        ),
        Examples(right=[50], wrong=[47, 49, [50]], keywords={"seed": 3}),
    ],
    "exercise_2": Examples(
        right=[lambda n: 2 * n],
        wrong=[2, lambda n: n, Because(lambda n: n / 0, "stops with ZeroDivisionError"), lambda: 0],
    ),
    "exercise_3": Examples(right=[["2B", "3A"], {"3A", "2B"}, np.array(["2B", "3A"])], wrong=["2B", ["2B"], [["2B"]]]),
    "exercise_4": Examples(
        right=[(0.5, 0.25), [0.5, 0.25]],
        wrong=[Because([1], "holds 1"), [0.5, "a"], 0.5, Because(np.array([0.5, 0.25]), "this is an array")],
    ),
}
test_right, test_wrong, test_blank, test_any, test_silent = verdict_tests(MODULE, EXAMPLES)


def test_a_function_left_blank_is_not_attempted():
    assert exercise_2(lambda n: ...).state == "not attempted"
    assert exercise_2(lambda n: None).state == "not attempted"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda table: table.pop("exercise_2"), "exercise_2: no examples"),
        (
            lambda table: table.update(exercise_9=table["exercise_3"]),
            "exercise_9: examples, but no such check",
        ),
        (
            lambda table: table.update(exercise_3=Examples(right=[], wrong=[1, 2, 3])),
            "exercise_3: no right answer",
        ),
        (
            lambda table: table.update(exercise_3=Examples(right=[1], wrong=[1, 2])),
            "exercise_3: fewer than 3",
        ),
    ],
)
def test_a_thin_table_is_refused(change, problem):
    table = dict(EXAMPLES)
    change(table)
    with pytest.raises(AssertionError, match=problem):
        verdict_tests(MODULE, table)


def test_a_bare_function_is_refused():
    module = types.ModuleType("bare")
    module.exercise_1 = lambda answer: right()
    problems = verdicts.table_problems(module, {"exercise_1": Examples(right=[1], wrong=[1, 2, 3])})
    assert problems == ["exercise_1: lacks the decorator check", "exercise_1: lacks a docstring"]


def test_a_verdict_is_not_a_truth_value():
    with pytest.raises(TypeError, match="three states"):
        bool(right())


@pytest.mark.parametrize("state", ["right", "wrong", "not attempted"])
def test_a_verdict_names_its_state_in_words(state):
    shown = Verdict(state, "a < b & c")._repr_html_()
    assert state.capitalize() in shown
    assert "a &lt; b &amp; c" in shown
    assert "color:" not in shown.replace("currentColor", "")  # it keeps the page's colours


def test_a_long_reason_is_cut():
    assert len(wrong("x" * 10_000).message) == 600


@pytest.mark.parametrize("answer", [3, 3.0, np.int8(3), np.float32(3), np.array(3), Fraction(3), decimal.Decimal(3)])
def test_whole_numbers(answer):
    assert as_whole_number(answer) == 3


def test_a_number_of_z3_is_a_whole_number():
    z3 = pytest.importorskip("z3")
    assert as_whole_number(z3.IntVal(3)) == 3
    assert as_number(z3.RealVal("1/4")) == 0.25


def test_large_whole_numbers_are_exact():
    assert as_whole_number(10**30 + 1) == 10**30 + 1
    assert as_whole_number(Fraction(10**30 + 1)) == 10**30 + 1


@pytest.mark.parametrize(
    "answer",
    [True, np.bool_(True), "3", b"3", 3.5, float("nan"), float("inf"), [3], 1j, None, {}, np.arange(3)],
)
def test_not_whole_numbers(answer):
    with pytest.raises(Unreadable):
        as_whole_number(answer)


def test_numbers_and_names_refuse_texts_and_floods():
    for answer in ("12", {"a": 1}, 5, range(200_000), [1, "a"]):
        with pytest.raises(Unreadable):
            as_numbers(answer)
    with pytest.raises(Unreadable):
        as_names([[1], [2]], ["1A"])
    with pytest.raises(Unreadable, match="no order"):
        as_numbers({1, 2})
    with pytest.raises(Unreadable, match="still blank"):
        as_numbers((1, ...))


def test_call_tells_blank_from_broken():
    with pytest.raises(Blank):
        call(lambda: None)
    with pytest.raises(Unreadable, match="stops with KeyError"):
        call(lambda: {}["a"])
    with pytest.raises(Unreadable):
        call(7)


def test_blanks():
    assert all(is_blank(answer) for answer in verdicts.BLANKS.values())
    assert not any(is_blank(answer) for answer in (0, False, [], {}, np.array([]), [[...]], (1, ...)))


def test_only_the_standard_library_is_imported():
    code = (
        "import sys; before = set(sys.modules); import course_lib.checks.answers; "
        "new = {name.split('.')[0] for name in set(sys.modules) - before}; "
        "print(sorted(new - set(sys.stdlib_module_names) - {'course_lib'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
