"""Checks for the exercises of *What does a program need to know?*"""

from __future__ import annotations

import random
from collections.abc import Callable
from math import gcd
from typing import Any

from course_lib.checks.answers import (
    Blank,
    Unreadable,
    Verdict,
    as_numbers,
    as_whole_number,
    call,
    check,
    right,
    wrong,
)
from course_lib.minimisation import MinimisationError, UnsupportedConstruct, best_monolithic, program
from course_lib.minimisation.examples import benefit_level

__all__ = ["exercise_1", "exercise_2", "exercise_3", "exercise_4", "exercise_5"]

AGES = range(0, 121)
ASKED_AGE = 70
SALARIES = range(0, 100_001)
LOCKERS = range(100, 1000)
ENERGY = range(0, 18_001)


def ticket_price(seed: int = 0) -> str:
    """The source of exercise 1's program: a ticket's price by age, 0 to 120.

    >>> print(ticket_price())
    def price(age):
        if age < 6:
            return 0
        if age < 18:
            return 4
        if age < 65:
            return 9
        return 4
    """
    free, reduced, senior = _ages(seed)
    cuts = [f"    if age < {cut}:\n        return {price}" for cut, price in ((free, 0), (reduced, 4), (senior, 9))]
    return "\n".join(["def price(age):", *cuts, "    return 4"])


def _ages(seed: int) -> tuple[int, int, int]:
    generator = random.Random(f"ticket {seed}")
    drawn = generator.randint(3, 7), generator.randint(14, 25), generator.randint(58, 68)
    return (6, 18, 65) if seed == 0 else drawn


@check("two whole numbers: the number of classes, and the size of one anonymity set")
def exercise_1(answer: Any, seed: int = 0) -> Verdict:
    """How many classes the best minimiser of a ticket price has, and how large the class of a 70-year-old is.

    >>> exercise_1((4, 10))
    Wrong: you counted runs of ages. Is there a price that two runs share?
    """
    n_classes, size = map(as_whole_number, as_numbers(answer, count=2))
    free, reduced, senior = _ages(seed)
    seniors, adults = len(AGES) - senior, senior - reduced
    expected = seniors + reduced - free
    if (n_classes, size) == (3, expected):
        return right()
    if (n_classes, size) == (expected, 3):
        return wrong("both numbers are there, in the other order.")
    if n_classes == 4:
        return wrong("you counted runs of ages. Is there a price that two runs share?")
    if n_classes == len(AGES):
        return wrong("that is the identity: it minimises, and is not the best. Which ages may share a class?")
    if n_classes != 3:
        return wrong("the best minimiser has one class for each output. How many prices are there?")
    if size == seniors:
        return wrong(f"the first is right. Who else pays what somebody of {ASKED_AGE} pays?")
    if size in (expected - 1, expected + 1):
        return wrong("the first is right, the second is off by one. Ages 0 and 120 count, and so does the age itself.")
    if size == adults:
        return wrong(f"the first is right. That is a class, and somebody of {ASKED_AGE} is not in it.")
    return wrong(f"the first is right. Which ages pay what somebody of {ASKED_AGE} pays?")


def _modulo(k: int) -> tuple[str, Callable[[int], int]]:
    return f"mod {k}", lambda x: x % k


def _pairs(seed: int) -> list[tuple[tuple[str, Callable], tuple[str, Callable]]]:
    """Pairs of programs for exercise 2: some in the order, some in the other order only, some in neither."""
    generator = random.Random(f"pairs {seed}")
    a, b, c = generator.randint(2, 4), generator.randint(2, 3), generator.randint(-5, 5)
    above = (f"> {c}", lambda x: x > c)
    size, square = ("abs", abs), ("the square", lambda x: x * x)
    nothing, everything = ("the constant 0", lambda x: 0), ("the identity", lambda x: x)
    return [
        (_modulo(a), _modulo(a * b)),
        (_modulo(a * b), _modulo(a)),
        (above, _modulo(a)),
        (_modulo(a), above),
        (size, square),
        (square, size),
        (nothing, above),
        (above, nothing),
        (above, everything),
        (everything, size),
    ]


@check("a function of f, g and values that returns a pair, or an empty tuple")
def exercise_2(answer: Any, seed: int = 0) -> Verdict:
    """A function that finds a pair of values on which f discloses more than g, if there is one.

    >>> exercise_2(lambda f, g, values: ()).state
    'wrong'
    """
    if not callable(answer):
        raise Unreadable
    values = range(-40, 41)
    problems, blanks = [], 0
    for (f_name, f), (g_name, g) in _pairs(seed):
        (found,) = call(lambda *arguments: (answer(*arguments),), f, g, values)
        blanks += found is None or found is ...
        problem = _pair_problem(found, f, g, values)
        if problem:
            problems.append(f"with f = {f_name} and g = {g_name}, {problem}")
    if blanks == len(_pairs(seed)):
        raise Blank
    return wrong(problems[0]) if problems else right("Eight lines decide an order that the library proves.")


def _pair_problem(found: Any, f: Callable, g: Callable, values: range) -> str:
    first: dict = {}
    refuted = any(f(first.setdefault(g(v), v)) != f(v) for v in values)
    if found is None or found is ... or (isinstance(found, tuple | list) and not len(found)):
        return "there is a pair, and you return none." if refuted else ""
    u, v = (as_whole_number(value) for value in as_numbers(found, count=2))
    if u not in values or v not in values:
        return "your pair is not among the values."
    if g(u) == g(v) and f(u) != f(v):
        return ""
    if f(u) == f(v) and g(u) != g(v):
        return f"your pair ({u}, {v}) refutes the other order: there g tells more than f."
    if g(u) != g(v):
        return f"g tells {u} and {v} apart too, so the pair shows nothing."
    return f"neither f nor g tells {u} and {v} apart."


def locker_source(seed: int = 0) -> str:
    """The source of exercise 3's program: which corridor a locker's number leads to.

    >>> print(locker_source())
    def corridor(number):
        return 6 * number % 15
    """
    factor, modulus = _locker(seed)
    return f"def corridor(number):\n    return {factor} * number % {modulus}"


def _locker(seed: int) -> tuple[int, int]:
    if seed == 0:
        return 6, 15
    generator = random.Random(f"locker {seed}")
    period, common = generator.choice([4, 5, 6, 7, 9]), generator.choice([2, 3, 4])
    factor = generator.choice([n for n in range(2, 12) if gcd(n, period) == 1])
    return common * factor, common * period


@check("a function that takes a locker's number and returns the number to send")
def exercise_3(answer: Any, seed: int = 0) -> Verdict:
    """A best minimiser for a program whose classes repeat.

    >>> exercise_3(lambda number: number).state
    'wrong'
    """
    factor, modulus = _locker(seed)
    n_outputs = len({factor * n % modulus for n in LOCKERS})
    sent = {}
    for n in LOCKERS:
        m = sent[n] = as_whole_number(call(answer, n))
        if m not in LOCKERS:
            return wrong(f"you send {m} for {n}: that is no locker. They run from {LOCKERS[0]} to {LOCKERS[-1]}.")
        if factor * m % modulus != factor * n % modulus:
            return wrong(f"locker {n} is sent as {m}, and the program gives another corridor for it.")
    moved = next((n for n in LOCKERS if sent[sent[n]] != sent[n]), None)
    if moved is not None:
        chain = f"{moved} becomes {sent[moved]}, then {sent[sent[moved]]}"
        return wrong(f"minimising twice is not minimising once: {chain}.")
    n_sent = len(set(sent.values()))
    if n_sent > n_outputs:
        return wrong(f"it minimises, and {n_sent} numbers are sent. Are there as many corridors?")
    return right("The library writes the same: one remainder, no table.")


def colleagues_minimiser(seed: int = 0) -> Callable[[int], int]:
    """A minimiser of the benefit level that a colleague wrote, for exercise 4.

    It keeps every output, and minimising twice is minimising once.

    >>> minimise = colleagues_minimiser()
    >>> minimise(8_740), all(benefit_level(minimise(s)) == benefit_level(s) for s in range(0, 100_001, 100))
    (0, True)
    """
    split = 61_800 if seed == 0 else random.Random(f"split {seed}").randrange(30_000, 80_000, 100)

    def minimise(salary: int) -> int:
        if not isinstance(salary, int) or salary not in SALARIES:
            raise ValueError(f"salary must be a whole number from 0 to 100000, not {salary!r}")
        if salary < 10_000:
            return 0
        return 10_001 if salary >= split or salary == 10_001 else 10_000

    return minimise


@check("a function that takes a salary and returns True or False")
def exercise_4(answer: Any, seed: int = 0) -> Verdict:
    """A hidden use h with h after m = h, on which two salaries with the same benefit differ.

    >>> exercise_4(lambda salary: salary < 10_000)
    Wrong: it survives, and tells what the benefit tells. Look for salaries of one benefit that are sent differently.
    """
    minimise = colleagues_minimiser(seed)
    told: dict[bool, set[bool]] = {True: set(), False: set()}
    of_sent: dict[int, bool] = {}
    for salary in SALARIES:
        sent = minimise(salary)
        if sent not in of_sent:
            of_sent[sent] = _truth(call(answer, sent))
        raw = _truth(call(answer, salary))
        if raw != of_sent[sent]:
            return wrong(
                f"it does not survive: {salary} is sent as {sent}, and your function says {raw} of the one and "
                f"{of_sent[sent]} of the other."
            )
        told[benefit_level(salary)].add(raw)
    if any(len(answers) == 2 for answers in told.values()):
        return right("Correct and idempotent is not enough: only the best minimiser leaves no such use.")
    if all(len(answers) == 1 for answers in told.values()) and told[True] == told[False]:
        return wrong("it survives, and says the same of everybody. Two people must differ.")
    return wrong(
        "it survives, and tells what the benefit tells. Look for salaries of one benefit that are sent differently."
    )


def _truth(value: Any) -> bool:
    if isinstance(value, bool) or type(value).__name__ in ("bool_", "bool"):
        return bool(value)
    raise Unreadable


def refused_source(seed: int = 0) -> str:
    """The source of exercise 5's program, which the library refuses: a rebate by the year's use of energy.

    >>> print(refused_source())
    def rebate(energy):
        bands = {0: 0, 1: 40, 2: 90}
        return bands.get(int(energy / 1500), 150)
    """
    return (
        "def rebate(energy):\n    bands = {0: 0, 1: 40, 2: 90}\n"
        f"    return bands.get(int(energy / {_band(seed)}), 150)"
    )


def _band(seed: int) -> int:
    return 1500 if seed == 0 else random.Random(f"band {seed}").randrange(1200, 2500, 100)


@check("a function of energy, or its source as text")
def exercise_5(answer: Any, seed: int = 0) -> Verdict:
    """The rebate written in the part of Python that can be minimised.

    >>> exercise_5("def rebate(energy): return 0").message
    'it is accepted. For an energy of 1500 it gives 0, and the old one something else.'
    """
    if not callable(answer) and not isinstance(answer, str):
        raise Unreadable
    if callable(answer):
        call(answer, ENERGY[0])  # a blank body is not attempted, and not refused
    try:
        rewritten = program(answer, {"energy": ENERGY})
    except UnsupportedConstruct as error:
        return wrong(f"it is refused: {error}.")
    except MinimisationError as error:
        return wrong(f"it cannot be read: {error}.")
    band = _band(seed)
    for energy in ENERGY:
        try:
            result = rewritten.result((energy,))
        except MinimisationError as error:
            return wrong(f"it stops for an energy of {energy}: {error.reason}.")
        if result != {0: 0, 1: 40, 2: 90}.get(energy // band, 150):
            told = f"For an energy of {energy} it gives {result}, and the old one something else."
            return wrong(f"it is accepted. {told}")
    try:
        found = best_monolithic(rewritten)
    except MinimisationError as error:
        return wrong(f"it is accepted, and cannot be minimised: {error}.")
    if found.status != "best":
        return wrong(f"it is accepted, and no minimiser is found: {found.reason}.")
    return right(f"{found.n_classes} readings are sent in place of {len(ENERGY):,}.")
