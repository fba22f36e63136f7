"""Cut the domain of one input by the outputs of a program at fixed values of the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import z3

from course_lib.minimisation.behaviour import Behaviour
from course_lib.minimisation.classes import LARGEST, Partition, partition_of_function
from course_lib.minimisation.copies import Gamma, differs
from course_lib.minimisation.deadline import Deadline, quick_solver
from course_lib.minimisation.errors import Undecided
from course_lib.minimisation.piecewise import (
    UNKNOWN,
    Evaluator,
    Function,
    Piece,
    TooManyPieces,
    constant,
    identity,
    pointwise,
)
from course_lib.minimisation.values import ILLEGAL, Choice, as_formula, as_int, is_number

RUNS = 200_000  # walks of the program to cut one input; calls of a real function cost a tenth
CUTS = 1000  # beyond, asking Z3 for one cut after the other takes minutes
Witness = dict[str, Any]
ABSENT = "absent"  # at this value another alternative decides


def cut_by(gamma: Gamma, name: str, witnesses: Sequence[Witness], deadline: Deadline) -> Partition:
    """The classes of input ``name`` under the witnesses: x ~ x' iff p(x, w) = p(x', w) for each w.

    Where the outputs are piecewise linear in x, and their conditions too, the cuts are computed for the
    whole domain at once; elsewhere the program is run on each value, or Z3 is asked for each cut.

    Parameters
    ----------
    gamma, name : of the program, and which input.
    witnesses : values of all the other inputs, each a dict.
    deadline : for runs and questions.

    Raises
    ------
    Undecided
        if too many values would have to be listed or run, or the time is up.

    Examples
    --------
    >>> from course_lib.minimisation import characterise, program
    >>> gamma = Gamma.of(characterise(program("def f(a, b): return a >= b", {"a": range(9), "b": range(9)})))
    >>> cut_by(gamma, "a", [{"b": 3}, {"b": 5}], Deadline()).classes
    [[(0, 2)], [(3, 4)], [(5, 8)]]
    """
    domain = gamma.program.domains[name]
    question = f"{name}: its classes"
    if not witnesses:
        return Partition.of_runs([(domain.first, domain.last, ())], domain.is_bool)
    try:
        outputs = [_output(gamma, name, witness, deadline) for witness in witnesses]
        joined = outputs[0] if len(outputs) == 1 else pointwise(_join, *outputs, deadline=deadline)
    except TooManyPieces:
        joined = [Piece(domain.first, domain.last, (UNKNOWN,))]
    joined = _filled(joined, gamma, name, witnesses, deadline)
    return partition_of_function(joined, question, deadline, domain.is_bool, LARGEST)


def _output(gamma: Gamma, name: str, witness: Witness, deadline: Deadline) -> Function:
    """p(x, w) as a function of x; an entry is the result as parts, each a text or a pair for a*x + b."""
    domain = gamma.program.domains[name]
    first, last = domain.first, domain.last
    known = {}
    for other, variable in gamma.variables.items():
        symbol = variable.decl().name()
        if other != name:
            known[symbol] = constant(witness[other], first, last)
        elif domain.is_bool:
            known[symbol] = [Piece(0, 0, (False,)), Piece(1, 1, (True,))]
        else:
            known[symbol] = identity(first, last)
    evaluate = Evaluator(known, first, last, deadline)
    legal = evaluate(gamma.whole.precondition)

    def refused(holds):
        return ABSENT if holds else UNKNOWN if holds is UNKNOWN else ("illegal",)

    options = [pointwise(refused, legal, deadline=deadline)]
    for conditions, parts in _alternatives(gamma.whole.result):
        guards = [evaluate(as_formula(condition)) for condition in conditions]
        texts = [part if isinstance(part, str) else None for part in parts]
        numbers = [evaluate(part) for part in parts if not isinstance(part, str)]
        options.append(_option([legal, *guards], texts, numbers, deadline))
    return _merged(options, deadline)


def _alternatives(value: Any) -> Iterator[tuple[list, list]]:
    """The shapes a result can take: conditions, and the result as parts, texts or terms of Z3."""
    if isinstance(value, Choice):
        for guard, case in value.cases:
            for conditions, parts in _alternatives(case):
                yield [guard, *conditions], parts
    elif isinstance(value, tuple):
        combined: list[tuple[list, list]] = [([], [f"{len(value)}-tuple"])]
        for element in value:
            found = list(_alternatives(element))
            combined = [(c + d, parts + more) for c, parts in combined for d, more in found]
        yield from combined
    elif is_number(value):
        number = as_int(value)
        yield [], [number if isinstance(number, z3.ExprRef) else z3.IntVal(number)]
    else:
        yield [], [repr(value)]


def _option(guards: list[Function], texts: list[str | None], numbers: list[Function], deadline: Deadline) -> Function:
    n_guards = len(guards)

    def entry(*entries):
        holds = entries[:n_guards]
        if False in holds:
            return ABSENT
        if UNKNOWN in entries:
            return UNKNOWN
        values = iter(entries[n_guards:])
        return tuple(next(values) if text is None else text for text in texts)

    return pointwise(entry, *guards, *numbers, deadline=deadline)


def _merged(options: list[Function], deadline: Deadline) -> Function:
    """One function of many of which one at most is present at each value; in pairs, for speed."""

    def present(a, b):
        # Two at once cannot be; if they were, the program would be run there.
        return b if a == ABSENT else a if b == ABSENT else UNKNOWN

    while len(options) > 1:
        pairs = zip(options[::2], options[1::2], strict=False)
        options = [pointwise(present, *pair, deadline=deadline) for pair in pairs] + options[len(options) // 2 * 2 :]
    return pointwise(lambda entry: UNKNOWN if entry == ABSENT else entry, options[0], deadline=deadline)


def _join(*entries: tuple | None) -> tuple | None:
    """The outputs at several witnesses as one entry, a bar after each; unknown where one of them is."""
    return UNKNOWN if UNKNOWN in entries else tuple(part for entry in entries for part in (*entry, "|"))


def encoded(result: Any) -> tuple:
    """A concrete result as parts, equal to another's iff Python calls the results equal.

    Examples
    --------
    >>> encoded(True) == encoded(1), encoded((0, None))
    (True, ('2-tuple', (0, 0), 'None'))
    """
    if result is ILLEGAL:
        return ("illegal",)
    if isinstance(result, tuple):
        return (f"{len(result)}-tuple", *(part for element in result for part in encoded(element)))
    return ((0, int(result)),) if isinstance(result, int) else (repr(result),)


def _filled(function: Function, gamma: Gamma, name: str, witnesses: Sequence[Witness], deadline: Deadline) -> Function:
    """The same function with signatures where it has unknown entries.

    Raises
    ------
    Undecided
        if the values are too many to run one by one, and so are the cuts.
    """
    n_values = sum(piece.last - piece.first + 1 for piece in function if UNKNOWN in piece.entries)
    if not n_values:
        return function
    run = _Signatures(gamma, name, witnesses, deadline)
    few = n_values * len(witnesses) <= (10 * RUNS if run.behaviour.is_fast else RUNS)
    result = []
    for piece in function:
        if UNKNOWN not in piece.entries:
            result.append(piece)
        elif few:
            result += [Piece(x, x, (run.at(x),)) for x in range(piece.first, piece.last + 1)]
        else:
            result += run.stretches(piece.first, piece.last)
    return result


class _Signatures:
    """The outputs at all witnesses, by running the program."""

    def __init__(self, gamma: Gamma, name: str, witnesses: Sequence[Witness], deadline: Deadline) -> None:
        self.gamma, self.name, self.witnesses, self.deadline = gamma, name, witnesses, deadline
        self.behaviour = Behaviour(gamma.program)

    def at(self, x: int) -> tuple:
        """The signature of one value, as an entry of the piecewise function."""
        self.deadline.check(f"{self.name}: its classes")
        domains = self.gamma.program.domains
        value = bool(x) if domains[self.name].is_bool else x
        inputs = (tuple(value if n == self.name else w[n] for n in domains) for w in self.witnesses)
        entries = [encoded(self.behaviour(values)) for values in inputs]
        return entries[0] if len(entries) == 1 else _join(*entries)

    def stretches(self, first: int, last: int) -> Iterator[Piece]:
        """Runs of one signature from left to right, the end of each by bisection with Z3."""
        x = z3.Int("x")
        for _ in range(CUTS):
            solver = quick_solver()
            changes = [self._differs(x, first, w, i) for i, w in enumerate(self.witnesses)]
            solver.add(first < x, x <= last, z3.simplify(z3.Or(changes)))
            end = self._smallest(solver, x, first, last)
            yield Piece(first, (last if end is None else end - 1), (self.at(first),))
            if end is None:
                return
            first = end
        raise Undecided(f"{self.name}: its classes: not linear in {self.name}, and more than {CUTS:,} cuts")

    def _differs(self, x: z3.ArithRef, fixed: int, witness: Witness, i: int) -> z3.BoolRef:
        one = self.gamma.at(f"'{i}", {**witness, self.name: x})
        return differs(one, self.gamma.at(f"''{i}", {**witness, self.name: fixed}))

    def _smallest(self, solver: z3.Solver, x: z3.ArithRef, low: int, high: int) -> int | None:
        question = f"{self.name}: its cuts"
        if not self.deadline.is_satisfiable(solver, question=question):
            return None
        high = solver.model()[x].as_long()
        while low + 1 < high:
            middle = (low + high) // 2
            if self.deadline.is_satisfiable(solver, x <= middle, question=question):
                high = solver.model()[x].as_long()
            else:
                low = middle
        return high
