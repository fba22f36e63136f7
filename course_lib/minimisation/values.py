"""Python values that depend on unknown inputs.

A value is an int, bool, string or None where it is known, a z3 Int or Bool where it is not, a tuple of
values, or a ``Choice`` between values of different kinds. As in Python, True equals 1 and False equals 0.
Conditions are bools where they are known, z3 Bools otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import z3

Value = Any
Condition = bool | z3.BoolRef


@dataclass(frozen=True, eq=False)
class Choice:
    """One of several values; exactly one of the guards holds.

    Parameters
    ----------
    cases : (guard, value) pairs.

    Examples
    --------
    >>> n = z3.Int("n")
    >>> merged([(n < 0, "refused"), (n >= 0, n)])  # a string and a number cannot meet in one term
    Choice(cases=((n < 0, 'refused'), (n >= 0, n)))
    """

    cases: tuple[tuple[Condition, Value], ...]


class _Marker:
    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return self._name


ILLEGAL = _Marker("ILLEGAL")  # what a program gives for an input that breaks its precondition
UNBOUND = _Marker("unbound")  # a local variable that no statement has assigned
UNKNOWN = _Marker("unknown")  # one assigned for the first time inside a loop with an invariant

# Conditions ------------------------------------------------------------------------------------

_OPPOSITE = {
    # As methods: with a numeral on the right, Python would turn ``a >= b`` into ``b <= a``.
    z3.Z3_OP_LT: z3.ArithRef.__ge__,
    z3.Z3_OP_LE: z3.ArithRef.__gt__,
    z3.Z3_OP_GT: z3.ArithRef.__le__,
    z3.Z3_OP_GE: z3.ArithRef.__lt__,
    z3.Z3_OP_EQ: z3.ExprRef.__ne__,
    z3.Z3_OP_DISTINCT: z3.ExprRef.__eq__,
}


def both(*conditions: Condition) -> Condition:
    """All of them; no conditions hold.

    Examples
    --------
    >>> n = z3.Int("n")
    >>> both(n > 0, True, n < 5), both(n > 0, False), both()
    (And(n > 0, n < 5), False, True)
    """
    if any(c is False for c in conditions):
        return False
    unknown = [c for c in conditions if c is not True]
    return z3.And(unknown) if len(unknown) > 1 else unknown[0] if unknown else True


def either(*conditions: Condition) -> Condition:
    """At least one of them; of no conditions, none holds.

    Examples
    --------
    >>> n = z3.Int("n")
    >>> either(n > 0, False), either(n > 0, True), either()
    (n > 0, True, False)
    """
    if any(c is True for c in conditions):
        return True
    unknown = [c for c in conditions if c is not False]
    return z3.Or(unknown) if len(unknown) > 1 else unknown[0] if unknown else False


def negation(condition: Condition) -> Condition:
    """The opposite, with comparisons turned round: s < 10 becomes s ≥ 10.

    Examples
    --------
    >>> negation(z3.Int("s") < 10), negation(True)
    (s >= 10, False)
    """
    if isinstance(condition, bool):
        return not condition
    kind = condition.decl().kind()
    if kind == z3.Z3_OP_NOT:
        return condition.arg(0)
    if kind in _OPPOSITE:
        return _OPPOSITE[kind](condition.arg(0), condition.arg(1))
    return z3.Not(condition)


def as_formula(condition: Condition) -> z3.BoolRef:
    """The condition for the solver.

    Examples
    --------
    >>> z3.is_true(as_formula(True)), as_formula(z3.Int("n") > 0)
    (True, n > 0)
    """
    return z3.BoolVal(condition) if isinstance(condition, bool) else condition


# Values ----------------------------------------------------------------------------------------


def is_number(value: Value) -> bool:
    """Whether it is an int or a bool, known or not.

    Examples
    --------
    >>> is_number(True), is_number(z3.Int("n")), is_number("3")
    (True, True, False)
    """
    return isinstance(value, int | z3.ArithRef | z3.BoolRef)


def is_bool(value: Value) -> bool:
    """Whether it is a bool, known or not.

    Examples
    --------
    >>> is_bool(1), is_bool(z3.Bool("b"))
    (False, True)
    """
    return isinstance(value, bool | z3.BoolRef)


def as_int(number: Value) -> int | z3.ArithRef:
    """A number as an int: True is 1.

    Examples
    --------
    >>> as_int(True), as_int(z3.Bool("b"))
    (1, If(b, 1, 0))
    """
    if isinstance(number, z3.BoolRef):
        return z3.If(number, z3.IntVal(1), z3.IntVal(0))
    return int(number) if isinstance(number, bool) else number


def choices(value: Value) -> tuple[tuple[Condition, Value], ...]:
    """The value's cases; one, unguarded, for anything but a Choice.

    Examples
    --------
    >>> choices(7), len(choices(Choice(((z3.Bool("b"), 7), (z3.Not(z3.Bool("b")), "none")))))
    (((True, 7),), 2)
    """
    return value.cases if isinstance(value, Choice) else ((True, value),)


def truth(value: Value) -> Condition:
    """Python's truth value.

    Examples
    --------
    >>> truth(z3.Int("n")), truth(""), truth((0,))
    (n != 0, False, True)
    """
    if isinstance(value, Choice):
        return either(*(both(guard, truth(case)) for guard, case in value.cases))
    if isinstance(value, z3.ArithRef):
        return value != 0
    return value if isinstance(value, z3.BoolRef) else bool(value)


def equal(a: Value, b: Value) -> Condition:
    """Whether Python's ``a == b``: 1 equals True, 0 does not equal None.

    Examples
    --------
    >>> equal(1, True), equal(0, None), equal((z3.Int("n"), 2), (3, 2)), equal((1, 2), (1, 2, 3))
    (True, False, n == 3, False)
    """
    if isinstance(a, Choice) or isinstance(b, Choice):
        pairs = ((g, x, h, y) for g, x in choices(a) for h, y in choices(b))
        return either(*(both(g, h, equal(x, y)) for g, x, h, y in pairs))
    if is_number(a) and is_number(b):
        if is_bool(a) and is_bool(b):
            if isinstance(a, bool):
                a, b = b, a
            if isinstance(b, bool):
                return a if b else negation(a)
        else:
            a, b = as_int(a), as_int(b)
        return a == b
    if isinstance(a, tuple) and isinstance(b, tuple):
        return len(a) == len(b) and both(*map(equal, a, b))
    return type(a) is type(b) and a == b


def same(a: Value, b: Value) -> z3.BoolRef:
    """Whether two results are equal as Python's ``==`` has it, as a formula.

    Examples
    --------
    >>> same(True, 1), same(0, None), same((z3.Int("n"), "x"), (3, "x"))
    (True, False, n == 3)
    """
    return as_formula(equal(a, b))


def merged(cases: Iterable[tuple[Condition, Value]]) -> Value:
    """The one value that equals each case where its guard holds.

    Numbers become one if-then-else term, tuples of one length are merged place by place, and kinds
    that cannot meet in one term stay apart in a Choice. Of the guards, exactly one must hold.

    Examples
    --------
    >>> n = z3.Int("n")
    >>> merged([(n < 0, -n), (n >= 0, n)])
    If(n < 0, -n, n)
    >>> merged([(n < 0, True), (n >= 0, False)])
    n < 0
    """
    flat = [(both(guard, inner), value) for guard, given in cases for inner, value in choices(given)]
    groups: dict[Any, list] = {}
    for guard, value in flat:
        if guard is not False:
            groups.setdefault(_kind(value), []).append((guard, value))
    united = [(either(*(guard for guard, _ in group)), _united(group)) for group in groups.values()]
    return united[0][1] if len(united) == 1 else Choice(tuple(united))


def _kind(value: Value) -> Any:
    if is_number(value):
        return "number"
    return ("tuple", len(value)) if isinstance(value, tuple) else (type(value), value)


def _united(group: Sequence[tuple[Condition, Value]]) -> Value:
    """One value for cases of the same kind; the last serves where no other guard holds."""
    first = group[0][1]
    if all(_identical(first, value) for _, value in group):
        return first
    if isinstance(first, tuple):
        return tuple(merged([(guard, value[i]) for guard, value in group]) for i in range(len(first)))
    boolean = all(is_bool(value) for _, value in group)
    result = group[-1][1] if boolean else as_int(group[-1][1])
    for guard, value in reversed(group[:-1]):
        result = _if(guard, value if boolean else as_int(value), result)
    return result


def _identical(a: Value, b: Value) -> bool:
    if isinstance(a, z3.ExprRef) or isinstance(b, z3.ExprRef):
        return isinstance(a, z3.ExprRef) and isinstance(b, z3.ExprRef) and a.eq(b)
    if isinstance(a, tuple) and isinstance(b, tuple):
        return len(a) == len(b) and all(map(_identical, a, b))
    return a is b or (type(a) is type(b) and not isinstance(a, Choice) and a == b)


def _if(condition: Condition, yes: Value, no: Value) -> Value:
    if isinstance(condition, bool):
        return yes if condition else no
    if _identical(yes, no):
        return yes
    if isinstance(yes, bool):
        return either(condition, no) if yes else both(negation(condition), no)
    if isinstance(no, bool):
        return either(negation(condition), yes) if no else both(condition, yes)
    return z3.If(condition, yes, no)


def concrete(value: Value, model: z3.ModelRef) -> Value:
    """The Python value under a model of the solver.

    Examples
    --------
    >>> n, solver = z3.Int("n"), z3.Solver()
    >>> solver.add(n == 3), solver.check()
    (None, sat)
    >>> concrete((n, n > 5, "x"), solver.model())
    (3, False, 'x')
    """
    if isinstance(value, Choice):
        return next(concrete(case, model) for guard, case in value.cases if concrete(guard, model))
    if isinstance(value, tuple):
        return tuple(concrete(part, model) for part in value)
    if not isinstance(value, z3.ExprRef):
        return value
    found = model.eval(value, model_completion=True)
    return z3.is_true(found) if isinstance(value, z3.BoolRef) else found.as_long()


def substituted(value: Value, pairs: Sequence[tuple[z3.ExprRef, z3.ExprRef]]) -> Value:
    """The value with z3 constants replaced: ``pairs`` holds (old, new).

    Examples
    --------
    >>> n, m = z3.Ints("n m")
    >>> substituted((n + 1, "kept"), [(n, m)])
    (m + 1, 'kept')
    """
    if isinstance(value, Choice):
        return Choice(tuple((substituted(g, pairs), substituted(v, pairs)) for g, v in value.cases))
    if isinstance(value, tuple):
        return tuple(substituted(part, pairs) for part in value)
    return z3.substitute(value, *pairs) if pairs and isinstance(value, z3.ExprRef) else value
