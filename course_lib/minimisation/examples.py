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
    """Whether a person of this salary gets benefits (the paper's running example).

    Examples
    --------
    >>> benefit_level(9_999), benefit_level(10_000)
    (True, False)
    """
    if salary < 10_000:
        benefits = True
    else:
        benefits = False
    return benefits


def unneeded(x1, x2, x3):
    """Reads three inputs and needs one: the condition always holds, and x3 cancels.

    Examples
    --------
    >>> unneeded(7, 0, 0) == unneeded(7, 100, 100)
    True
    """
    if x2 < x2 + 1:
        y = x1 + x3 - x3
    else:
        y = x2
    return y


def identity(x):
    """Needs all of its input.

    Examples
    --------
    >>> identity(3)
    3
    """
    return x


def or_(a, b):
    """True if one of the inputs is.

    Examples
    --------
    >>> or_(False, True)
    True
    """
    return a or b


def and_(a, b):
    """True if both inputs are.

    Examples
    --------
    >>> and_(False, True)
    False
    """
    return a and b


def xor(a, b):
    """True if exactly one of the inputs is.

    Examples
    --------
    >>> xor(True, True)
    False
    """
    return a != b


def mod2(x):
    """The remainder by 2.

    Examples
    --------
    >>> mod2(-3)  # Python rounds down, so that a remainder is never negative
    1
    """
    return x % 2


def mod4(x):
    """The remainder by 4.

    Examples
    --------
    >>> mod4(-3)
    1
    """
    return x % 4


def positive(x):
    """Whether the number is above zero.

    Examples
    --------
    >>> positive(0)
    False
    """
    return x > 0


def add(x, y):
    """The sum.

    Examples
    --------
    >>> add(2, 3)
    5
    """
    return x + y


def minimum(x, y):
    """The smaller of two numbers.

    Examples
    --------
    >>> minimum(2, 3)
    2
    """
    return min(x, y)


def integer_division(x, y):
    """How often y goes into x.

    Examples
    --------
    >>> integer_division(7, 2)
    3
    """
    return x // y


def loyalty(flights):
    """Points for a year's flights: linear, then quadratic and capped, then flat.

    Examples
    --------
    >>> [loyalty(flights) for flights in (9, 12, 21, 25, 30)]
    [0, 2, 42, 150, 500]
    """
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
    """The same, with an invariant in place of unrolling.

    Examples
    --------
    >>> all(loyalty_invariant(flights) == loyalty(flights) for flights in range(101))
    True
    """
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
    """The same, with an invariant that is true and says too little: i may end anywhere past the bound.

    Examples
    --------
    >>> all(loyalty_weak(flights) == loyalty(flights) for flights in range(101))  # it runs as well
    True
    """
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
    """A credit rating from a person's payment incidents and tax class.

    Examples
    --------
    >>> credit(0, tax=3), credit(0, tax=2), credit(2, tax=3)
    ('preferred', 'standard', 'refused')
    """
    if incidents >= 2:
        return "refused"
    if incidents == 0 and tax == 3:
        return "preferred"
    return "standard"


def is_rush_hour(hour):
    """Whether the roads are full.

    Examples
    --------
    >>> [hour for hour in range(24) if is_rush_hour(hour)]
    [7, 8, 9, 16, 17, 18]
    """
    return 7 <= hour < 10 or 16 <= hour < 19


def rate(hour):
    """The price of one axle at this hour.

    Examples
    --------
    >>> rate(3), rate(8), rate(12)
    (0, 3, 1)
    """
    if is_rush_hour(hour):
        return 3
    return 1 if 6 <= hour < 22 else 0


def toll(hour, passengers):
    """What a car pays on a bridge; full cars pass free.

    Examples
    --------
    >>> toll(8, passengers=1), toll(8, passengers=4)
    (6, 0)
    """
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
