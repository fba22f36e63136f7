"""Checks for the exercises of *Loops, invariants, limits*."""

from __future__ import annotations

import ast
import random
from collections.abc import Callable
from typing import Any

import z3

from course_lib.checks.answers import (
    Unreadable,
    Verdict,
    as_number,
    as_numbers,
    as_whole_number,
    call,
    check,
    right,
    wrong,
)
from course_lib.minimisation import (
    DistributedMinimiser,
    MinimisationError,
    SpecificationError,
    Undecided,
    WeakInvariant,
    best_distributed,
    characterise,
    examples,
    program,
    released_bits,
    verify,
)

__all__ = ["exercise_1", "exercise_2", "exercise_3", "exercise_4", "exercise_5", "exercise_6"]


def scheme(seed: int = 0) -> str:
    """The loyalty scheme of exercise 1, as Python.

    >>> "flights + 10" in scheme()
    True
    """
    bonus, cap = 10, 100
    if seed:
        generator = random.Random(seed)
        bonus, cap = generator.randint(1, 9), generator.choice([60, 92, 110, 120, 130, 200])
    return (
        "def scheme(flights):  # 0 to 100\n"
        "    if flights < 10:\n"
        "        return 0\n"
        "    if flights < 20:\n"
        f"        return flights + {bonus}\n"
        "    if flights < 30:\n"
        "        status = 0\n"
        "        for i in range(flights - 19):\n"
        "            status += flights\n"
        f"        return min(status, {cap})\n"
        "    return 500\n"
    )


@check("two whole numbers: how many classes there are, and what is sent for 20 flights")
def exercise_1(answer: Any, seed: int = 0) -> Verdict:
    """The number of classes of a loyalty scheme, and the representative of 20.

    >>> exercise_1((4, 20)).state
    'wrong'
    """
    n_classes, sent = (as_whole_number(value) for value in as_numbers(answer, count=2))
    local = best_distributed(program(scheme(seed), {"flights": range(101)}), "exhaustive")["flights"]
    right_number = len(local.classes)
    if (n_classes, sent) == (right_number, local(20)):
        return right("And a class may be two numbers with others between them.")
    if (sent, n_classes) == (right_number, local(20)):
        return wrong("both numbers are there, in the other order: the classes first.")
    if sent == 20:
        return wrong("somebody with fewer flights gets the same points as with 20. Which number is the smallest?")
    if sent != local(20):
        return wrong("how many points do 20 flights give? And who else gets as many?")
    if n_classes == right_number + 1:
        return wrong("you have the right representative of 20. Is its class counted once?")
    if n_classes == 4:
        return wrong("that is the number of bands; inside a band the points differ.")
    return wrong("the second number is right. Count the different points, band by band: where does the cap begin?")


def stay(sentence: str, seed: int = 0) -> str:
    """The program of exercise 2 with a sentence as the invariant of its loop.

    >>> print(stay("total >= 0").splitlines()[3].strip())
    invariant(total >= 0)
    """
    return (
        "def stay(nights):  # 0 to 30\n"
        "    k, total = 0, 0\n"
        "    while k < nights:\n"
        f"        invariant({sentence})\n"
        f"        total += {price(seed)}\n"
        "        k += 1\n"
        "    return total\n"
    )


def price(seed: int = 0) -> int:
    """What a night costs in exercise 2.

    >>> price()
    3
    """
    return 3 if seed == 0 else random.Random(seed).randint(4, 12)


@check('a text with one condition, such as "total >= 0"')
def exercise_2(answer: Any, seed: int = 0) -> Verdict:
    """An invariant that is true, says what total is, and leaves the result open.

    >>> exercise_2("total >= 0").state
    'wrong'
    """
    sentence = _condition(answer)
    try:
        characterise(program(stay(sentence, seed), {"nights": range(31)}), timeout=10)
    except WeakInvariant:
        if _pins_total(sentence, seed):
            return right("True, precise about total, and still no description of the end of the loop.")
        return wrong("it is true and too weak; but we asked for one from which total follows once k is known.")
    except SpecificationError:
        return wrong("it does not hold when the loop is reached, or a round does not preserve it: it is not true.")
    except Undecided:
        return wrong("the solver could not settle this one within ten seconds. Say it in fewer words.")
    except MinimisationError as error:
        raise Unreadable(f"this is not a condition on nights, k and total: {error.reason}"[:300]) from None
    return wrong("this one is strong enough: it leaves no end of the loop open. Say less.")


def _condition(answer: Any) -> str:
    if type(answer) is not str or len(answer) > 300:
        raise Unreadable
    try:
        return ast.unparse(ast.parse(answer.strip(), mode="eval"))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise Unreadable("this is not one Python condition.") from None


def _pins_total(sentence: str, seed: int) -> bool:
    """Whether total = price · k follows from a condition: an assert that the executor has to prove."""
    claim = (
        "def claim(nights, k, total):\n"
        f"    assert {sentence}\n"
        "    followed = True\n"
        f"    assert total == {price(seed)} * k\n"
        "    return followed\n"
    )
    inputs = {"nights": range(31), "k": range(-100, 101), "total": range(-2000, 2001)}
    try:
        characterise(program(claim, inputs), timeout=10)
    except (SpecificationError, Undecided):
        return False
    return True


MOST_DECISIONS = 500  # in one run
MOST_RUNS = 200


class Traced:
    """A number that writes down what is done to it, and asks ``decide`` for each truth value.

    Parameters
    ----------
    term : its z3 term.
    decide : a function of a z3 condition that returns True or False.

    Examples
    --------
    >>> x = Traced(z3.Int("x"), lambda condition: True)
    >>> (2 * x + 1).term
    2*x + 1
    >>> "small" if x < 7 else "large"
    'small'
    """

    def __init__(self, term: z3.ExprRef, decide: Callable[[z3.BoolRef], bool], asked: list | None = None) -> None:
        self.term, self.decide, self.asked = term, decide, [0] if asked is None else asked

    def __bool__(self) -> bool:
        self.asked[0] += 1
        if self.asked[0] > MOST_DECISIONS:
            raise RuntimeError(f"a run took more than {MOST_DECISIONS} decisions: can an input go all these ways?")
        return self.decide(self.term if z3.is_bool(self.term) else self.term != 0)

    __hash__ = None


def _operator(name: str) -> Callable:
    def apply(self: Traced, other: Any) -> Traced:
        if not isinstance(other, int | Traced):
            return NotImplemented
        return Traced(getattr(z3.ArithRef, name)(_number(self), _number(other)), self.decide, self.asked)

    return apply


for _name in ("add", "radd", "sub", "rsub", "mul", "rmul", "lt", "le", "gt", "ge", "eq", "ne"):
    setattr(Traced, f"__{_name}__", _operator(f"__{_name}__"))


def _number(value: Any) -> z3.ArithRef:
    """A number or truth value as a z3 Int."""
    term = value.term if isinstance(value, Traced) else z3.IntVal(int(value))
    return z3.If(term, z3.IntVal(1), z3.IntVal(0)) if z3.is_bool(term) else term


def is_possible(*conditions: z3.BoolRef) -> bool:
    """Whether some numbers meet all conditions.

    >>> x = z3.Int("x")
    >>> is_possible(x > 3, x < 5), is_possible(x > 3, x < 4)
    (True, False)
    """
    solver = z3.SimpleSolver()
    solver.add(*conditions)
    return solver.check() == z3.sat


def explore(function: Callable, x: z3.ArithRef, domain: z3.BoolRef) -> list[tuple[list, Any]]:
    """The ways through a function of one number, as exercise 3 asks for them.

    Returns
    -------
    (conditions, result) a way: the function is run once for each sequence of decisions that an input takes.

    Examples
    --------
    >>> x = z3.Int("x")
    >>> for conditions, result in explore(lambda x: 0 if x < 3 else x - 3, x, z3.And(0 <= x, x <= 9)):
    ...     print(conditions, result)
    [x < 3] 0
    [Not(x < 3)] x - 3
    """
    ways, waiting = [], [[]]
    while waiting:
        plan, taken = waiting.pop(), []

        def decide(condition, plan=plan, taken=taken):
            sides = {True: condition, False: z3.Not(condition)}
            if len(taken) == len(plan):
                possible = [way for way, side in sides.items() if is_possible(domain, *taken, side)]
                waiting.extend([*plan, way] for way in possible[1:])
                plan.append(possible[0])
            taken.append(sides[plan[len(taken)]])
            return plan[len(taken) - 1]

        result = function(Traced(x, decide))
        ways.append((taken, result.term if isinstance(result, Traced) else result))
    return ways


def functions_to_explore(seed: int = 0) -> dict[str, Callable]:
    """The functions of a number from 0 to 60 on which exercise 3 tries an engine.

    >>> functions_to_explore()["loop"](4)
    4
    """
    generator = random.Random(seed)
    low, high, rounds = generator.randint(5, 15), generator.randint(20, 50), generator.randint(6, 12)

    def straight(x):
        return 2 * x + low

    def branches(x):
        if x < low:
            return 0
        return x - low if x < high else 7 * x

    def loop(x):
        i, total = 0, 0
        while rounds * i < x:
            i += 1
            total += x
        return total

    return {"straight": straight, "branches": branches, "loop": loop}


@check("a function of a function, a z3 number and a domain that returns a list of pairs")
def exercise_3(answer: Any, seed: int = 0) -> Verdict:
    """An engine that finds all ways through a function by running it.

    >>> exercise_3(lambda function, x, domain: [([], x)]).state
    'wrong'
    """
    x = z3.Int("x")
    domain = z3.And(x >= 0, x <= 60)
    for name, function in functions_to_explore(seed).items():
        runs = [0]

        def counted(value, function=function, runs=runs):
            runs[0] += 1
            if runs[0] > MOST_RUNS:
                raise RuntimeError(f"it was run more than {MOST_RUNS} times; does each way end up in the list once?")
            return function(value)

        ways = _read_ways(call(answer, counted, x, domain))
        if len(ways) > 20:
            return wrong(f"{name}: {len(ways)} ways; the function is to be run once for each way, not for each input.")
        for value in range(61):
            results = [result for condition, result in ways if _at(condition, x, value)]
            if len(results) != 1:
                how = "no way" if not results else f"{len(results)} ways"
                return wrong(f"{name}: {how} for x = {value}; each input goes exactly one.")
            if _at(results[0], x, value) != function(value):
                return wrong(f"{name}: the result for x = {value} differs from the function's.")
    return right("It knows no syntax, so that it makes other mistakes than an engine that reads programs.")


def _read_ways(ways: Any) -> list[tuple[z3.BoolRef, Any]]:
    if not isinstance(ways, list | tuple):
        raise Unreadable("your function should return a list of pairs (conditions, result).")
    read = []
    for way in ways[: MOST_RUNS + 1]:
        if not isinstance(way, list | tuple) or len(way) != 2:
            raise Unreadable("each way is a pair (conditions, result).")
        conditions, result = way
        conditions = conditions if isinstance(conditions, list | tuple) else [conditions]
        if not all(isinstance(condition, z3.BoolRef | bool) for condition in conditions):
            raise Unreadable("the conditions of a way are z3 conditions.")
        if isinstance(result, Traced):
            result = result.term
        if not isinstance(result, z3.ExprRef | int):
            raise Unreadable("the result of a way is a number or a z3 term.")
        read.append((z3.And([z3.BoolVal(True), *conditions]), result))
    return read


def _at(term: Any, x: z3.ArithRef, value: int) -> Any:
    """A term, or what is none, at one value of x."""
    if not isinstance(term, z3.ExprRef):
        return term
    known = z3.simplify(z3.substitute(term, (x, z3.IntVal(value))))
    return z3.is_true(known) if z3.is_bool(known) else known.as_long()


def last_input(seed: int = 0) -> int:
    """The largest input of exercise 4's program; the smallest is 0.

    >>> last_input()
    20
    """
    return 20 + seed % 10


@check("a function of one number")
def exercise_4(answer: Any, seed: int = 0) -> Verdict:
    """A program of which the engine of exercise 3 finds other results than Python.

    >>> exercise_4(lambda x: x + 1 if x > 3 else 0).state
    'wrong'
    """
    inputs = range(last_input(seed) + 1)
    results = [call(answer, value) for value in inputs]
    if not all(isinstance(result, int) for result in results):
        raise Unreadable("your function should return a whole number, or True or False.")
    if results != [call(answer, value) for value in inputs]:
        return wrong("two runs on the same input differ before any engine looks: we asked for a function of its input.")
    x = z3.Int("x")
    try:
        ways = explore(answer, x, z3.And(x >= 0, x <= inputs[-1]))
    except Exception as error:
        return wrong(
            f"the engine stops with {type(error).__name__}. That is a refusal, which is honest; we asked for a lie."
        )
    for value, result in zip(inputs, results, strict=True):
        found = [end for conditions, end in ways if _at(z3.And([z3.BoolVal(True), *conditions]), x, value)]
        if len(found) != 1 or _at(found[0], x, value) != result:
            return right(f"For {value} the engine says something else than Python, and notices nothing.")
    return wrong(
        "the engine is right about this one for every input. What can a program ask that is no operation on a number?"
    )


def tolerance(seed: int = 0) -> int:
    """By how many points the answer to exercise 5 may differ from the scheme.

    >>> tolerance()
    10
    """
    return (10, 15, 20, 25, 5)[seed % 5]


def _fewest_amounts(seed: int) -> int:
    """Greedily: the smallest amount left opens an interval as wide as the tolerance allows."""
    amounts, end = 0, -1
    for owed in sorted({examples.loyalty(flights) for flights in range(101)}):
        if owed > end:
            amounts, end = amounts + 1, owed + 2 * tolerance(seed)
    return amounts


@check("a function of the number of flights that returns points")
def exercise_5(answer: Any, seed: int = 0) -> Verdict:
    """Nearly the same points, with as few classes as possible.

    >>> exercise_5(examples.loyalty).state
    'wrong'
    """
    paid = {flights: as_number(call(answer, flights)) for flights in range(101)}
    off = [flights for flights in paid if abs(paid[flights] - examples.loyalty(flights)) > tolerance(seed)]
    if off:
        return wrong(
            f"with {off[0]} flights somebody is paid more than {tolerance(seed)} points too much or too little."
        )
    n_classes = len(set(paid.values()))
    if n_classes == _fewest_amounts(seed):
        return right("Nobody can do with fewer amounts.")
    return wrong(
        f"nobody is paid too far off, and {n_classes} different amounts are more than needed. May two bands share one?"
    )


def inputs_wanted(seed: int = 0) -> int:
    """How many inputs the form of exercise 6 must have at least.

    >>> inputs_wanted()
    2
    """
    return 2 + seed % 2


@check("what best_distributed returns")
def exercise_6(answer: Any, seed: int = 0) -> Verdict:
    """A best minimiser of a form of your own, certified and worth its while.

    >>> exercise_6(best_distributed(program("def f(x): return x > 3", {"x": range(9)}))).state
    'wrong'
    """
    if not isinstance(answer, DistributedMinimiser):
        raise Unreadable
    form = answer.program
    if form.name in examples.DOMAINS:
        return wrong("this program is from the course. Take one of your own.")
    if len(form.domains) < inputs_wanted(seed):
        return wrong(f"a form asks for more: at least {inputs_wanted(seed)} inputs.")
    if answer.status != "best":
        return wrong(f"its status is {answer.status!r}; .explain() says what stayed open.")
    certificate = verify(form, answer, timeout=20)
    if not certificate.correct == certificate.idempotent == certificate.best == "proved":
        return wrong("the certificate does not prove it correct, idempotent and best; print it to see why.")
    if released_bits(form) - released_bits(form, answer) < 1:
        return wrong("it spares people less than one bit. Is there an input of which only a range matters?")
    return right("Written into files, it could run where the data are collected.")
