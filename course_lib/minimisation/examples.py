"""The worked programs of Part III, as plain Python functions, with the domains of their inputs.

``DOMAINS`` holds, by a function's name, what ``program`` takes for it.

Examples
--------
>>> from course_lib.minimisation.program import program
>>> program(benefit_level, DOMAINS["benefit_level"]).run(salary=9_999)
True
"""

from __future__ import annotations

from course_lib.minimisation.parsed import invariant


def benefit_level(salary):
    """Whether a person of this salary gets benefits (the paper's running example)."""
    if salary < 10_000:
        benefits = True
    else:
        benefits = False
    return benefits


def unneeded(x1, x2, x3):
    """Reads three inputs and needs one: the condition always holds, and x3 cancels."""
    if x2 < x2 + 1:
        y = x1 + x3 - x3
    else:
        y = x2
    return y


def identity(x):
    """Needs all of its input."""
    return x


def or_(a, b):
    """True if one of the inputs is."""
    return a or b


def and_(a, b):
    """True if both inputs are."""
    return a and b


def xor(a, b):
    """True if exactly one of the inputs is."""
    return a != b


def mod2(x):
    """The remainder by 2."""
    return x % 2


def mod4(x):
    """The remainder by 4."""
    return x % 4


def positive(x):
    """Whether the number is above zero."""
    return x > 0


def add(x, y):
    """The sum."""
    return x + y


def minimum(x, y):
    """The smaller of two numbers."""
    return min(x, y)


def integer_division(x, y):
    """How often y goes into x."""
    return x // y


def loyalty(flights):
    """Points for a year's flights: linear, then quadratic and capped, then flat."""
    if flights < 10:
        return 0
    if flights < 20:
        return flights - 10
    if flights < 30:
        i, status = 0, 0
        while i <= flights - 20:
            status += flights
            i += 1
        return min(status, 150)
    return 500


def loyalty_invariant(flights):
    """The same, with an invariant in place of unrolling."""
    if flights < 10:
        return 0
    if flights < 20:
        return flights - 10
    if flights < 30:
        i, status = 0, 0
        while i <= flights - 20:
            invariant(0 <= i <= flights - 19 and status == i * flights)
            status += flights
            i += 1
        return min(status, 150)
    return 500


def loyalty_weak(flights):
    """The same, with an invariant that is true and says too little: i may end anywhere past the bound."""
    if flights < 10:
        return 0
    if flights < 20:
        return flights - 10
    if flights < 30:
        i, status = 0, 0
        while i <= flights - 20:
            invariant(i >= 0 and status == i * flights)
            status += flights
            i += 1
        return min(status, 150)
    return 500


def credit(incidents, tax):
    """A credit rating from a person's payment incidents and tax class."""
    if incidents >= 2:
        return "refused"
    if incidents == 0 and tax == 3:
        return "preferred"
    return "standard"


def is_rush_hour(hour):
    """Whether the roads are full."""
    return 7 <= hour < 10 or 16 <= hour < 19


def rate(hour):
    """The price of one axle at this hour."""
    if is_rush_hour(hour):
        return 3
    return 1 if 6 <= hour < 22 else 0


def toll(hour, passengers):
    """What a car pays on a bridge; full cars pass free."""
    if passengers >= 4:
        return 0
    return 2 * rate(hour)


DOMAINS = {
    "benefit_level": {"salary": range(0, 100_001)},
    "unneeded": {"x1": range(0, 101), "x2": range(0, 101), "x3": range(0, 101)},
    "identity": {"x": range(0, 101)},
    "or_": {"a": bool, "b": bool},
    "and_": {"a": bool, "b": bool},
    "xor": {"a": bool, "b": bool},
    "mod2": {"x": range(-1000, 1001)},
    "mod4": {"x": range(-1000, 1001)},
    "positive": {"x": range(-1000, 1001)},
    "add": {"x": range(0, 31), "y": range(0, 31)},
    "minimum": {"x": range(0, 31), "y": range(0, 31)},
    "integer_division": {"x": range(0, 31), "y": range(1, 31)},
    "loyalty": {"flights": range(0, 101)},
    "loyalty_invariant": {"flights": range(0, 101)},
    "loyalty_weak": {"flights": range(0, 101)},
    "credit": {"incidents": range(0, 4), "tax": range(1, 4)},
    "toll": {"hour": range(0, 24), "passengers": range(1, 8)},
}
