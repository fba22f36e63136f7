"""Whether each two representatives of an input are told apart: the test of bestness.

Proposition 4, repaired: a distributed minimiser is best iff for each input i and each two different values
v₁, v₂ in the *range* of its local minimiser there are values w of the other inputs with p(v₁, w) ≠ p(v₂, w).
(As printed, over all values of the input's domain, it is false: benefit level with 0 and 1.)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import z3

from course_lib.minimisation.behaviour import Behaviour, Disagreement
from course_lib.minimisation.copies import Gamma, differs
from course_lib.minimisation.deadline import Deadline, quick_solver
from course_lib.minimisation.signatures import Witness
from course_lib.minimisation.values import concrete


class Inseparable(Exception):
    """Two representatives that the program treats alike, whatever the other inputs.

    Parameters
    ----------
    name : of the input.
    first, second : two values of it.

    Examples
    --------
    >>> found = Inseparable("age", 64, 65)
    >>> print(found, found.pair)
    age: 64 and 65 are never told apart (64, 65)
    """

    def __init__(self, name: str, first: Any, second: Any) -> None:
        super().__init__(f"{name}: {first!r} and {second!r} are never told apart")
        self.name, self.pair = name, (first, second)


def groups(run: Behaviour, name: str, values: Sequence, witnesses: Sequence[Witness], deadline: Deadline) -> list[list]:
    """The values in groups of equal outputs at every witness, by running the program.

    Parameters
    ----------
    run, name : the program, and which input.
    values : of this input.
    witnesses : values of the other inputs, each a dict.
    deadline : for the runs.

    Raises
    ------
    Undecided
        when the time is up.

    Examples
    --------
    >>> from course_lib.minimisation.program import program
    >>> run = Behaviour(program("def f(a, b): return min(a, b)", {"a": range(9), "b": range(9)}))
    >>> groups(run, "a", [1, 3, 5, 7], [{"b": 4}], Deadline())
    [[1], [3], [5, 7]]
    """
    names = list(run.program.domains)
    grouped = [list(values)]
    for witness in witnesses:
        finer: list[list] = []
        for group in grouped:
            if len(group) == 1:
                finer.append(group)
                continue
            alike: dict = {}
            for value in deadline.watch(group, f"{name}: the runs at the witnesses"):
                output = run(tuple(value if n == name else witness[n] for n in names))
                alike.setdefault(output, []).append(value)
            finer += alike.values()
        grouped = finer
    return grouped


def separating_witnesses(
    gamma: Gamma,
    name: str,
    values: Sequence,
    witnesses: Sequence[Witness],
    deadline: Deadline,
) -> list[Witness]:
    """Witnesses that tell each two of the values apart: those given, replayed, and what Z3 adds to them.

    Parameters
    ----------
    gamma, name : of the program, and which input.
    values : of this input.
    witnesses : values of the other inputs, each a dict, that are tried first.
    deadline : for runs and questions.

    Raises
    ------
    Inseparable
        naming two values that no other inputs tell apart.
    Undecided
        if Z3 gives up or the time is up.
    Disagreement
        if the program does not tell apart what the proof does.

    Examples
    --------
    >>> from course_lib.minimisation import characterise, program
    >>> gamma = Gamma.of(characterise(program("def f(a, b): return a or b", {"a": bool, "b": bool})))
    >>> separating_witnesses(gamma, "a", [False, True], [], Deadline(timeout=60))
    [{'b': False}]
    """
    run = Behaviour(gamma.program)
    found = list(witnesses)
    together = [group for group in groups(run, name, values, found, deadline) if len(group) > 1]
    while together:
        first, second = together[0][:2]
        witness = _separating_witness(gamma, name, first, second, deadline)
        if witness is None:
            raise Inseparable(name, first, second)
        if len(groups(run, name, [first, second], [witness], deadline)) == 1:
            raise Disagreement(f"the proof tells {name}={first!r} from {second!r} at {witness}, the program does not")
        found.append(witness)
        finer = (g for group in together for g in groups(run, name, group, [witness], deadline))
        together = [group for group in finer if len(group) > 1]
    return found


def _separating_witness(gamma: Gamma, name: str, first: Any, second: Any, deadline: Deadline) -> Witness | None:
    """Values of the other inputs at which the program tells the two apart, or None: there are none."""
    one = gamma.at("'", {name: first})
    others = {n: variable for n, variable in one.variables.items() if n != name}
    solver = quick_solver()
    solver.add(z3.simplify(differs(one, gamma.at("''", {**others, name: second}))))
    if not deadline.is_satisfiable(solver, question=f"{name}: is {first!r} told apart from {second!r}"):
        return None
    return {n: concrete(variable, solver.model()) for n, variable in others.items()}
