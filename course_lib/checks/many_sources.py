"""Checks for the exercises of the chapter *Many sources*."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping
from functools import cache
from itertools import product
from math import log2
from typing import Any, NamedTuple

import z3

from course_lib.checks.answers import Blank, Unreadable, Verdict, as_numbers, as_whole_number, call, check, right, wrong
from course_lib.minimisation import DistributedMinimiser, Program, best_distributed, examples, program

__all__ = ["exercise_1", "exercise_2", "exercise_3", "exercise_4", "exercise_5", "exercise_6"]

VISITORS = ("child", "student", "adult", "senior")
DAYS = ("Monday", "Wednesday", "Friday", "Sunday")


def price_list(seed: int = 0) -> dict[str, dict[str, int]]:
    """What a museum asks of four kinds of visitors on four days.

    >>> price_list()["senior"]
    {'Monday': 4, 'Wednesday': 4, 'Friday': 4, 'Sunday': 8}
    """
    if seed == 0:
        rows = [[0, 0, 0, 0], [4, 4, 4, 8], [8, 8, 8, 12], [4, 4, 4, 8]]
    else:
        generator = random.Random(seed)
        n_rows, n_columns = generator.randint(2, 3), generator.randint(2, 3)
        small: list[list[int]] = []
        while not small or _distinct(small) != (n_rows, n_columns) or _n_outputs(small) == n_rows * n_columns:
            small = [[4 * generator.randint(0, 3) for _ in range(n_columns)] for _ in range(n_rows)]
        row, column = (_spread(generator, n) for n in (n_rows, n_columns))
        rows = [[small[i][j] for j in column] for i in row]
    return {visitor: dict(zip(DAYS, row, strict=True)) for visitor, row in zip(VISITORS, rows, strict=True)}


def _spread(generator: random.Random, n: int) -> list[int]:
    """Four places, shared by n kinds, each of which occurs."""
    places = [*range(n), *generator.choices(range(n), k=4 - n)]
    generator.shuffle(places)
    return places


def _distinct(rows: list[list[int]]) -> tuple[int, int]:
    """How many different rows and columns a table has."""
    return len({tuple(row) for row in rows}), len(set(zip(*rows, strict=True)))


def _n_outputs(rows: list[list[int]]) -> int:
    return len({value for row in rows for value in row})


@check("three whole numbers: kinds of visitors sent, kinds of days sent, classes of the monolithic minimiser")
def exercise_1(answer: Any, seed: int = 0) -> Verdict:
    """What the rows and the columns of a price list have to send.

    >>> exercise_1((4, 4, 16)).state
    'wrong'
    """
    visitors, days, classes = (as_whole_number(number) for number in as_numbers(answer, count=3))
    rows = [list(row.values()) for row in price_list(seed).values()]
    n_rows, n_columns = _distinct(rows)
    if (visitors, days, classes) == (n_rows, n_columns, _n_outputs(rows)):
        return right("Each two rows that are sent differ on some day: that day is their witness.")
    if (visitors, days) == (n_columns, n_rows) and n_rows != n_columns:
        return wrong("both numbers of sources are there, in the other order: visitors first.")
    if visitors != n_rows:
        return wrong("look at the visitors again: two of them need one value if their rows are equal in every place.")
    if days != n_columns:
        return wrong("look at the days again: two of them need one value if their columns are equal in every place.")
    if classes == n_rows * n_columns:
        return wrong("that is what reaches the till from two sources. Somebody who sees both inputs can merge more.")
    return wrong("the first two numbers are right. A monolithic minimiser has one class for each output.")


class Rule(NamedTuple):
    """A program of two inputs as a term of Z3."""

    domain: range
    other_domain: range
    output: Callable[[z3.ArithRef, z3.ArithRef], z3.ArithRef]

    def at(self, x: int, w: int) -> int:
        """The output for two numbers."""
        return z3.simplify(self.output(z3.IntVal(x), z3.IntVal(w))).as_long()


def _credit(incidents: z3.ArithRef, tax: z3.ArithRef) -> z3.ArithRef:
    return z3.If(incidents >= 2, 2, z3.If(z3.And(incidents == 0, tax == 3), 1, 0))


RULES = {
    "OR": Rule(range(0, 2), range(0, 2), lambda a, b: z3.If(z3.Or(a == 1, b == 1), 1, 0)),
    "credit": Rule(range(0, 4), range(1, 4), _credit),
    "credit, seen from the tax office": Rule(range(1, 4), range(0, 4), lambda tax, i: _credit(i, tax)),
    "smaller number": Rule(range(0, 5), range(0, 5), lambda a, b: z3.If(a < b, a, b)),
    "sum, capped": Rule(range(0, 6), range(0, 4), lambda a, b: z3.If(a + b > 5, 5, a + b)),
}


def rules(seed: int = 0) -> dict[str, Rule]:
    """The programs on which exercise 2 tries a formula.

    >>> list(rules())
    ['OR', 'credit']
    """
    generator = random.Random(seed)
    names = ["OR", "credit"]  # the one merges nothing, the other something: each shows a mistake of its own
    if seed != 0:
        names = [generator.choice(["OR", "smaller number", "sum, capped"])]
        names += [generator.choice(["credit", "credit, seen from the tax office"])]
    return {name: RULES[name] for name in names}


def members(formula: Callable, rule: Rule, value: int) -> list[int]:
    """The class of a value, as a formula puts it.

    Parameters
    ----------
    formula : takes the list of other inputs, the condition that they lie in their domains, and the
        condition that the outputs are equal; returns the condition that x is in the class of ``value``.
        Outside the domains the program may do anything: there each x has an output of its own.

    >>> members(lambda others, inside, alike: z3.Exists(others, z3.And(inside, alike)), RULES["OR"], 0)
    [0, 1]
    """
    x, w = z3.Ints("x w")
    inside = z3.And(rule.other_domain[0] <= w, w <= rule.other_domain[-1])
    alike = z3.If(inside, rule.output(x, w) == rule.output(z3.IntVal(value), w), x == value)
    condition = call(formula, [w], inside, alike)
    if not isinstance(condition, z3.BoolRef):
        raise Unreadable("your function should return one formula of Z3, such as z3.Exists(others, alike).")
    solver = z3.Solver()
    solver.set("timeout", 3000)
    solver.add(condition)
    answers = {i: solver.check(x == i) for i in rule.domain}
    if z3.unknown in answers.values():
        raise Unreadable("Z3 cannot decide your formula; one quantifier is enough.")
    return [i for i, answer in answers.items() if answer == z3.sat]


@check("a function of others, inside and alike that returns a formula")
def exercise_2(answer: Any, seed: int = 0) -> Verdict:
    """The quantifier of Figure 7.

    >>> exercise_2(lambda others, inside, alike: z3.Exists(others, z3.And(inside, alike))).state
    'wrong'
    """
    for name, rule in rules(seed).items():
        for v in rule.domain:
            found = members(answer, rule, v)
            if v not in found:
                return wrong(
                    f"{name}: not even {v} is in the class of {v}, so no value is ever covered and the loop does not "
                    "end. What does your formula ask of other inputs outside their domain?"
                )
            for x in rule.domain:
                telling = [w for w in rule.other_domain if rule.at(x, w) != rule.at(v, w)]
                if x in found and telling:
                    return wrong(
                        f"{name}: {x} is put into the class of {v}, but the outputs differ when the other input is "
                        f"{telling[0]}."
                    )
                if x not in found and not telling:
                    return wrong(
                        f"{name}: {x} is kept out of the class of {v}, and no other input inside its domain ever tells "
                        "them apart."
                    )
    return right("And what it leaves apart, some witness tells apart.")


class Setting(NamedTuple):
    """What exercise 3's minimiser minimises for: the output is one of the inputs."""

    first: range
    second: range
    place: int

    def output(self, v: tuple[int, int]) -> int:
        """The input in the place that counts."""
        return v[self.place]


def setting(seed: int = 0) -> Setting:
    """The domains of exercise 3's two inputs, and which of them the program returns.

    >>> setting()
    Setting(first=range(0, 2), second=range(0, 2), place=0)
    """
    if seed == 0:
        return Setting(range(2), range(2), 0)
    generator = random.Random(seed)
    wide = generator.randint(0, 1)
    return Setting(range(2 + wide), range(3 - wide), generator.randint(0, 1))


def _as_map(answer: Any, inputs: list[tuple[int, int]]) -> dict[tuple[int, int], tuple[int, int]]:
    """A function or a dictionary as a dictionary from pairs to pairs."""
    if isinstance(answer, Mapping):
        if set(answer) != set(inputs):
            raise Unreadable(f"your dictionary needs one entry for each of the {len(inputs)} inputs.")
        images = [answer[v] for v in inputs]
    else:
        images = [call(answer, *v) for v in inputs]
    if any(image is ... for image in images):
        raise Blank
    found = {}
    for v, image in zip(inputs, images, strict=True):
        if not isinstance(image, tuple | list) or len(image) != 2:
            raise Unreadable("a minimiser maps each pair to a pair, such as (0, 1).")
        found[v] = tuple(as_whole_number(number) for number in image)
        if found[v] not in inputs:
            raise Unreadable(f"{v} is mapped to {found[v]}, which is no input.")
    return found


def goes_by_position(m: Mapping[tuple, tuple], first: range, second: range) -> bool:
    """Whether m merges u and v exactly if it treats u₁ like v₁ and u₂ like v₂."""
    rows = {x: tuple(m[x, w] for w in second) for x in first}
    columns = {w: tuple(m[x, w] for x in first) for w in second}
    return all(
        (m[u] == m[v]) == (rows[u[0]] == rows[v[0]] and columns[u[1]] == columns[v[1]]) for u, v in product(m, repeat=2)
    )


def is_product(m: Mapping[tuple, tuple]) -> bool:
    """Whether each place of m(v) depends on the same place of v only."""
    return all(len({(v[place], image[place]) for v, image in m.items()}) == len({v[place] for v in m})
               for place in (0, 1))  # fmt: skip


@check("a dictionary from pairs to pairs, such as {(0, 0): (0, 0), (0, 1): (0, 0), ...}")
def exercise_3(answer: Any, seed: int = 0) -> Verdict:
    """A minimiser whose kernel looks at each position on its own, and that is no product.

    >>> exercise_3({(0, 0): (0, 0), (0, 1): (0, 0), (1, 0): (1, 0), (1, 1): (1, 0)}).state
    'wrong'
    """
    given = setting(seed)
    m = _as_map(answer, list(product(given.first, given.second)))
    for v, image in m.items():
        if given.output(v) != given.output(image):
            return wrong(f"{v} is mapped to {image}, and the program's output changes.")
    for v, image in m.items():
        if m[image] != image:
            return wrong(f"m(m({v})) is not m({v}).")
    if is_product(m):
        return wrong("this is a product: each place of the result depends on its own input only.")
    if not goes_by_position(m, given.first, given.second):
        return wrong("its kernel does not go by positions: whether one input is merged depends on the other.")
    return right("The classes go by position, the representatives do not: one source would have to see the other.")


INPUTS = tuple(product((0, 1), repeat=2))


def fixed_output(seed: int = 0) -> tuple[tuple[int, int], int]:
    """The input at which exercise 4's program is given, and its output there.

    >>> fixed_output()
    ((0, 0), 1)
    """
    if seed == 0:
        return (0, 0), 1
    generator = random.Random(seed)
    return generator.choice(INPUTS), generator.randint(0, 1)


def _entropy(sizes) -> float:
    sizes = list(sizes)
    return -sum(n / sum(sizes) * log2(n / sum(sizes)) for n in sizes)


def price(outputs: tuple[int, ...]) -> float:
    """The price of distribution, in bits, of a program on two inputs 0 or 1.

    Parameters
    ----------
    outputs : its results at (0, 0), (0, 1), (1, 0), (1, 1).

    >>> round(price((0, 1, 1, 1)), 3), price((0, 0, 1, 1))
    (1.189, 0.0)
    """
    p = dict(zip(INPUTS, outputs, strict=True))
    first = Counter(tuple(p[a, b] for b in (0, 1)) for a in (0, 1))
    second = Counter(tuple(p[a, b] for a in (0, 1)) for b in (0, 1))
    return _entropy(first.values()) + _entropy(second.values()) - _entropy(Counter(outputs).values())


@check("four outputs, 0 or 1, for the inputs (0, 0), (0, 1), (1, 0), (1, 1)")
def exercise_4(answer: Any, seed: int = 0) -> Verdict:
    """The program on two yes-or-no inputs with the largest price of distribution.

    >>> exercise_4((1, 0, 0, 1)).state
    'wrong'
    """
    if not isinstance(answer, list | tuple) or len(answer) != 4:
        raise Unreadable
    if any(output is ... for output in answer):
        raise Blank
    outputs = tuple(int(output) if isinstance(output, bool) else as_whole_number(output) for output in answer)
    if set(outputs) - {0, 1}:
        raise Unreadable
    place, output = fixed_output(seed)
    if outputs[INPUTS.index(place)] != output:
        return wrong(f"at {place} the program must give {output}.")
    largest = max(price(other) for other in product((0, 1), repeat=4) if other[INPUTS.index(place)] == output)
    if price(outputs) > largest - 1e-9:
        return right("Its rare output makes the monolithic minimiser cheap, and both sources pay in full.")
    if price(outputs) < 1e-9:
        return wrong("this program has no price: what its sources send apart is what it needs of both together.")
    return wrong(f"its price is {price(outputs):.2f} bits, and another program's is higher.")


COLLECTED = ("toll", "integer_division", "minimum")


def collected(seed: int = 0) -> Program:
    """The program that exercise 5's collector has told people about.

    >>> collected().name, list(collected().domains)
    ('toll', ['hour', 'passengers'])
    """
    name = COLLECTED[seed % len(COLLECTED)]
    return program(getattr(examples, name), examples.DOMAINS[name])


@cache
def _minimised(seed: int) -> tuple[Program, DistributedMinimiser, list[tuple]]:
    p = collected(seed)
    dm = best_distributed(p)
    return p, dm, list(product(*(dm[name].representatives for name in dm)))


@check("a function of the program's two inputs that returns True or False")
def exercise_5(answer: Any, seed: int = 0) -> Verdict:
    """A hidden use that gets through the best distributed minimiser.

    >>> exercise_5(lambda hour, passengers: hour == 23).state
    'wrong'
    """
    p, dm, sent = _minimised(seed)
    everything = list(product(*(domain.values() for domain in p.domains.values())))

    def ask(v: tuple) -> bool:
        said = call(answer, *v)
        if type(said).__name__ not in ("bool", "bool_"):
            raise Unreadable("your function should return True or False.")
        return bool(said)

    def learns(inputs: list[tuple]) -> bool:
        seen = {(p.result(v), ask(v)) for v in inputs}
        return len(seen) > len({output for output, _ in seen})

    if learns(sent):
        return right("Two people with one output, and the collector tells them apart: nothing was sent in excess.")
    if not learns(everything):
        return wrong("whoever knows the output knows your answer: even on raw inputs it learns nothing more.")
    for v in everything:
        if ask(v) != ask(dm(v)):
            return wrong(
                f"on raw inputs it would learn something, but {v} arrives as {dm(v)}, where your answer is another. "
                "Ask about values that are sent."
            )
    return wrong("look at two combinations that are sent and have one output.")


class Question(NamedTuple):
    """What exercise 6's collector computes, from two sources, and how few bits it may hear."""

    program: Program
    target: float


def question(seed: int = 0) -> Question:
    """The program of exercise 6 and the bits that the collector may hear.

    >>> question().program.name, question().target
    ('credit', 1.65)
    """
    name, target = (("credit", 1.65), ("toll", 1.7))[seed % 2]
    return Question(program(getattr(examples, name), examples.DOMAINS[name]), target)


def transcript(plan: Callable, inputs: tuple) -> tuple[Any, tuple[bool, ...]]:
    """The result of a plan on one input, and what the sources said.

    Parameters
    ----------
    plan : takes one function a source; each takes a yes-or-no question about that source's value.

    >>> transcript(lambda bureau, office: "refused" if bureau(lambda n: n >= 2) else "?", (3, 1))
    ('refused', (True,))
    """
    said: list[bool] = []
    refused: list[str] = []  # kept here, for a plan may catch what is raised inside it

    def source(value: Any) -> Callable[[Callable], bool]:
        def ask(asked: Callable) -> bool:
            answer = asked(value)
            if type(answer).__name__ not in ("bool", "bool_"):
                refused.append("a source answers yes or no: ask questions that are True or False.")
            elif len(said) >= 50:
                refused.append("your plan asks more than fifty questions.")
            if refused:
                raise Unreadable(refused[0])
            said.append(bool(answer))
            return said[-1]

        return ask

    try:
        result = call(plan, *(source(value) for value in inputs))
    except (Unreadable, Blank):
        if not refused:
            raise
    if refused:
        raise Unreadable(refused[0])
    return result, tuple(said)


def bits_heard(plan: Callable, seed: int = 0) -> float:
    """The entropy of what the sources say under a plan, all inputs equally likely.

    >>> round(bits_heard(lambda bureau, office: bureau(lambda n: n >= 2)), 2)
    1.0
    """
    inputs = product(*(domain.values() for domain in question(seed).program.domains.values()))
    return _entropy(Counter(transcript(plan, v)[1] for v in inputs).values())


@check("a function of two sources, such as def plan(bureau, office): ...")
def exercise_6(answer: Any, seed: int = 0) -> Verdict:
    """A plan of questions that lets the collector hear fewer bits.

    >>> exercise_6(lambda bureau, office: "refused").state
    'wrong'
    """
    p, target = question(seed)
    results: dict[tuple, Any] = {}
    for v in product(*(domain.values() for domain in p.domains.values())):
        result, said = transcript(answer, v)
        if result != p.result(v):
            return wrong(f"for the input {v} your plan does not give the rule's result.")
        if results.setdefault(said, result) != result:
            return wrong("your plan knows something that no source has said: one transcript has two results.")
    bits = bits_heard(answer, seed)
    if bits <= target:
        return right(f"The collector hears {bits:.2f} bits.")
    return wrong(
        f"every result is right, but the collector hears {bits:.2f} bits. Which question decides most, and which "
        "need not be asked after it?"
    )
