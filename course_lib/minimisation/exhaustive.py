"""The classes of each input by running the program on every input: the surest method, for small domains."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from math import prod

from course_lib.minimisation.behaviour import Behaviour, all_inputs
from course_lib.minimisation.classes import Partition
from course_lib.minimisation.deadline import Deadline
from course_lib.minimisation.errors import EmptyDomain, Undecided
from course_lib.minimisation.program import Program
from course_lib.minimisation.signatures import Witness
from course_lib.minimisation.values import ILLEGAL

LARGEST = 1_000_000  # inputs that are run one by one


def require_few(program: Program) -> None:
    """Refuse, as undecided, a program with more than LARGEST inputs.

    Raises
    ------
    Undecided
        with the number of inputs.

    Examples
    --------
    >>> from course_lib.minimisation.program import program
    >>> require_few(program("def f(n): return n > 0", {"n": range(10**6)}))  # a million are run
    """
    if program.size > LARGEST:
        shown = f"{program.size:,}" if program.size < 10**15 else f"about 10^{len(str(program.size)) - 1}"
        raise Undecided(f"{shown} inputs are too many to run one by one")


class Table:
    """The output of a program on every input, as numbers: equal outputs have equal numbers.

    Parameters
    ----------
    program : with at most LARGEST inputs.
    deadline : for all the runs.

    Raises
    ------
    Undecided
        for more than LARGEST inputs, or when the time is up.
    EmptyDomain
        if no input is legal.

    Examples
    --------
    >>> from course_lib.minimisation.program import program
    >>> either = Table(program("def f(a, b): return a or b", {"a": bool, "b": bool}), Deadline())
    >>> either.numbers
    [0, 1, 1, 1]
    """

    def __init__(self, program: Program, deadline: Deadline) -> None:
        require_few(program)
        self.program, self.deadline = program, deadline
        run, numbers = Behaviour(program), {}
        self.numbers: list[int] = []
        for values in deadline.watch(all_inputs(program), "the runs on all inputs"):
            self.numbers.append(numbers.setdefault(run(values), len(numbers)))
        if list(numbers) == [ILLEGAL]:
            raise EmptyDomain(f"no input of {program.name} meets its precondition", program.first_line)

    def columns(self, name: str) -> Iterator[tuple[tuple, list[int]]]:
        """For each value w of the other inputs, w and the outputs p(x, w) for all x in order."""
        names = list(self.program.domains)
        domains = [domain.values() for domain in self.program.domains.values()]
        place = names.index(name)
        n, stride = len(domains[place]), prod(map(len, domains[place + 1 :]))
        for before, first in enumerate(product(*domains[:place])):
            for after, second in enumerate(product(*domains[place + 1 :])):
                start = before * n * stride + after
                yield (*first, *second), self.numbers[start : start + n * stride : stride]

    def classes(self, name: str) -> tuple[Partition, list[Witness]]:
        """The best classes of one input, and witnesses that prove each two of them distinct."""
        domain = self.program.domains[name]
        others = [other for other in self.program.domains if other != name]
        labels, n_classes = [0] * domain.size, 1
        witnesses: list[Witness] = []
        question = f"{name}: its classes"
        for values, outputs in self.columns(name):
            numbers: dict[tuple[int, int], int] = {}
            pairs = self.deadline.watch(zip(labels, outputs, strict=True), question)
            refined = [numbers.setdefault(pair, len(numbers)) for pair in pairs]
            if len(numbers) > n_classes:
                labels, n_classes = refined, len(numbers)
                witnesses.append(dict(zip(others, values, strict=True)))
        labels = self.deadline.watch(labels, question)
        return Partition.of_labels(map(int, domain.values()), labels, domain.is_bool), witnesses
