"""Find best distributed minimisers."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property

from course_lib.minimisation.behaviour import Behaviour
from course_lib.minimisation.characterisation import characterise
from course_lib.minimisation.classes import LARGEST, Partition
from course_lib.minimisation.copies import Gamma
from course_lib.minimisation.deadline import Deadline
from course_lib.minimisation.errors import Undecided
from course_lib.minimisation.exhaustive import Table
from course_lib.minimisation.figure7 import READINGS, classes_by_figure7
from course_lib.minimisation.minimiser import DistributedMinimiser, LocalMinimiser
from course_lib.minimisation.program import Program
from course_lib.minimisation.separation import Inseparable, separating_witnesses
from course_lib.minimisation.witness import classes_by_witnesses

METHODS = ("auto", "witness", "figure7", "exhaustive")
WALKED, CALLED = 20_000, 100_000  # inputs up to which running them all is as quick as asking the solver


def best_distributed(
    program: Program,
    method: str = "auto",
    timeout: float | None = None,
    fallback: str | None = None,
    reading: str = "repaired",
) -> DistributedMinimiser:
    """The best distributed minimiser of a program (Definition 7; it exists, Theorem 3).

    x and x' of input i are in one class iff p(x, w) = p(x', w) for all values w of the other inputs,
    where a violated precondition counts as one more output. Representatives are smallest values.

    Parameters
    ----------
    method : "witness" (a few questions to Z3, no quantifiers), "exhaustive" (all inputs are run),
        "figure7" (the paper's, by quantifier elimination), or "auto": exhaustive for small domains.
    timeout : seconds for everything, or None.
    fallback : "identity" takes the identity, which always minimises, for an input that stays open.
    reading : of Fig. 7: "repaired", or "existential", which is wrong and for study only: its result is
        never called a minimiser.

    Returns
    -------
    DistributedMinimiser. Its status is "incomplete" when the solver gave up or the time is up.

    Raises
    ------
    ValueError
        for an unknown method, fallback or reading, or a timeout that is not above 0.
    MinimisationError
        (a ValueError) for programs that are not supported or break their own rules.

    Examples
    --------
    >>> from course_lib.minimisation.program import program
    >>> dm = best_distributed(program("def f(s): return s < 10000", {"s": range(0, 100_001)}), method="witness")
    >>> dm["s"].classes, dm["s"].representatives
    ([[(0, 9999)], [(10000, 100000)]], [0, 10000])
    """
    _require(method, METHODS, "method")
    _require(fallback, (None, "identity"), "fallback")
    _require(reading, READINGS, "reading")
    deadline = Deadline(timeout)
    search = _Search(program, deadline, reading)
    if method == "auto":
        method = "exhaustive" if is_small(program) else "witness"
        # What is refused of a large domain is refused of a small one, too.
        with suppress(Undecided):
            _ = search.gamma
    find = {"witness": search.witness, "figure7": search.figure7, "exhaustive": search.exhaustive}[method]
    found: dict[str, LocalMinimiser] = {}
    reasons: dict[str, str] = {}
    for name in program.domains:
        try:
            deadline.check("its classes")
            found[name] = find(name)
        except Undecided as error:
            reasons[name] = error.reason
    return _result(program, method, found, reasons, deadline, fallback, reading)


def is_small(program: Program) -> bool:
    """Whether running all inputs is as quick as asking the solver.

    Examples
    --------
    >>> from course_lib.minimisation.program import program
    >>> [is_small(program("def f(n): return n > 0", {"n": range(size)})) for size in (WALKED, WALKED + 1)]
    [True, False]
    """
    return program.size <= (CALLED if Behaviour(program).is_fast else WALKED)


def _require(value: object, choices: tuple, what: str) -> None:
    if value not in choices:
        raise ValueError(f"unknown {what} {value!r}; choose one of {', '.join(map(repr, choices))}")


@dataclass(frozen=True)
class _Search:
    """Finds the local minimiser of one input at a time; what all inputs share is computed once."""

    program: Program
    deadline: Deadline
    reading: str

    @cached_property
    def gamma(self) -> Gamma:
        return Gamma.of(characterise(self.program, timeout=self.deadline.left("its characterisation")))

    @cached_property
    def table(self) -> Table:
        return Table(self.program, self.deadline)

    def witness(self, name: str) -> LocalMinimiser:
        partition, witnesses = classes_by_witnesses(self.gamma, name, self.deadline)
        return self._local(name, partition, witnesses)

    def exhaustive(self, name: str) -> LocalMinimiser:
        # Running every input shows the classes, but not whether an invariant says enough.
        if self.program.has_assumptions:
            _ = self.gamma
        return self._local(name, *self.table.classes(name))

    def figure7(self, name: str) -> LocalMinimiser:
        partition = classes_by_figure7(self.gamma, name, self.deadline, self.reading)
        if self.reading != "repaired":
            return self._local(name, partition, [], is_best=False)
        try:
            witnesses = separating_witnesses(self.gamma, name, partition.representatives, [], self.deadline)
        except (Undecided, Inseparable):
            return self._local(name, partition, [], is_best=False)
        return self._local(name, partition, witnesses)

    def _local(self, name: str, partition: Partition, witnesses: list, is_best: bool = True) -> LocalMinimiser:
        return LocalMinimiser(name, partition, self.program.name, tuple(witnesses), is_best)


def _result(
    program: Program,
    method: str,
    found: dict[str, LocalMinimiser],
    reasons: dict[str, str],
    deadline: Deadline,
    fallback: str | None,
    reading: str,
) -> DistributedMinimiser:
    if reading != "repaired":
        reasons |= {name: "found by the existential reading of Fig. 7, which is wrong" for name in found}
        return DistributedMinimiser(program, "incomplete", method, found, reasons, deadline.seconds)
    for name in program.domains:
        if name in found and not found[name].is_best:
            reasons[name] = "whether each two of its classes are told apart"
        elif name not in found and fallback == "identity" and program.domains[name].size <= LARGEST:
            found[name] = _identity(program, name)
            reasons[name] += "; its identity is taken instead"
    complete = len(found) == len(program.domains)
    status = "incomplete" if not complete else "minimiser" if reasons else "best"
    in_order = {name: found[name] for name in program.domains if name in found}
    return DistributedMinimiser(program, status, method, in_order, reasons, deadline.seconds)


def _identity(program: Program, name: str) -> LocalMinimiser:
    domain = program.domains[name]
    values = range(domain.first, domain.last + 1)
    return LocalMinimiser(name, Partition.of_labels(values, values, domain.is_bool), program.name, is_best=False)
