"""The constraints that more than one encoding states."""

from __future__ import annotations

import z3

from course_lib.reconstruction.tables import Statistic


def is_among(unknown: z3.ArithRef, admitted: frozenset[int]) -> z3.BoolRef:
    """The constraint that an integer unknown is one of these values, stated run by run.

    Examples
    --------
    >>> is_among(z3.Int("age"), frozenset({0, 1, 2, 7}))
    Or(And(age >= 0, age <= 2), And(age >= 7, age <= 7))
    """
    starts = [v for v in sorted(admitted) if v - 1 not in admitted]
    ends = [v for v in sorted(admitted) if v + 1 not in admitted]
    return z3.Or([z3.And(unknown >= a, unknown <= b) for a, b in zip(starts, ends, strict=True)])


def at_most(left: list[z3.ArithRef], right: list[z3.ArithRef]) -> z3.BoolRef:
    """left <= right in lexicographic order; equal lists are allowed.

    Examples
    --------
    >>> a, b, c, d = z3.Ints("a b c d")
    >>> at_most([a, b], [c, d])
    Or(a < c, And(a == c, b <= d))
    """
    if not left:
        return z3.BoolVal(True)
    last = left[-1] <= right[-1]
    for a, b in reversed(list(zip(left[:-1], right[:-1], strict=True))):
        last = z3.Or(a < b, z3.And(a == b, last))
    return last


def median_is(s: Statistic, ages: list[z3.ArithRef], inside: list[z3.BoolRef] | None = None) -> list[z3.BoolRef]:
    """The published median as bounds on how many ages lie on either side of it.

    The k-th smallest of c values equals v if and only if at least k of them are <= v and at least
    c - k + 1 are >= v. An odd c has one middle value; an even c has two, whose mean is the median.

    Parameters
    ----------
    s : the statistic; its count is c.
    ages : unknowns, of the c members, or of everybody with ``inside``.
    inside : for each age, the constraint that the person is a member.

    Examples
    --------
    >>> solver, ages = z3.SimpleSolver(), z3.Ints("a b c")
    >>> solver.add(median_is(Statistic("2B", count=3, median=30), ages))
    >>> solver.check(ages[0] < 30, ages[1] < 30)
    unsat
    """

    def at_least(how_many: int, tests: list[z3.BoolRef]) -> z3.BoolRef:
        members = tests if inside is None else [z3.And(m, t) for m, t in zip(inside, tests, strict=True)]
        return z3.AtLeast(*members, how_many)

    def kth_is(k: int, value: z3.ArithRef | int) -> list[z3.BoolRef]:
        return [at_least(k, [a <= value for a in ages]), at_least(s.count - k + 1, [a >= value for a in ages])]

    half = (s.count + 1) // 2
    if s.count % 2:
        return kth_is(half, int(s.median))
    low, high = z3.Int(f"{s.name}_low_middle"), z3.Int(f"{s.name}_high_middle")
    return [low + high == int(2 * s.median), *kth_is(half, low), *kth_is(half + 1, high)]
