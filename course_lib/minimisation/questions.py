"""What symbolic execution asks the solver: is a way possible, is a claim proved."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import z3

from course_lib.minimisation.deadline import Deadline, quick_solver, thorough_solver
from course_lib.minimisation.errors import MinimisationError, SpecificationError, Undecided, WeakInvariant, shown_inputs
from course_lib.minimisation.paths import Path
from course_lib.minimisation.values import Condition, concrete, negation

PATIENCE = 1000  # milliseconds for a question whose answer only saves work
FIRST_TRY = 2000  # milliseconds for the quick solver on a question that has to be settled
SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


class Questions:
    """Questions about the paths of one program.

    Parameters
    ----------
    variables : input -> z3 constant.
    max_unroll : how often a loop without an invariant may run.
    deadline : for all questions to the solver together.
    rerun : runs the program on a concrete input, which tells a fault from an invariant that is too weak.

    Examples
    --------
    >>> n = z3.Int("n")
    >>> asked = Questions({"n": n}, max_unroll=64, deadline=Deadline())
    >>> asked.model("is there one", 1, [n > 3, n < 5])
    [n = 4]
    >>> asked.model("is there one", 1, [n > 3, n < 4]) is None
    True
    """

    def __init__(
        self,
        variables: Mapping[str, z3.ExprRef],
        max_unroll: int,
        deadline: Deadline,
        rerun: Callable[[dict], Any] | None = None,
    ) -> None:
        self.variables, self.max_unroll, self.deadline, self.rerun = variables, max_unroll, deadline, rerun
        self.auxiliary: dict[z3.ExprRef, tuple[type, int]] = {}  # unknowns that are no inputs: whose, which line

    def model(self, question: str, line: int, conditions: Iterable[Condition]) -> z3.ModelRef | None:
        """Values that meet the conditions, or None if there are none.

        Parameters
        ----------
        question : for the message.
        line : of the program.
        conditions : what the values have to meet.

        Raises
        ------
        Undecided
            if the solver gives up or the time is up.
        """
        conditions, reason = list(conditions), ""
        for make, most in ((quick_solver, FIRST_TRY), (thorough_solver, None)):
            try:
                answer, found, reason = self._ask(make(), question, conditions, most)
            except Undecided as error:
                raise Undecided(error.reason, line) from None
            if answer != z3.unknown:
                return found
        raise Undecided(f"{question}: undecided after {self.deadline.seconds:.3g} s ({reason})", line)

    def _ask(self, solver: z3.Solver, question: str, conditions: list[Condition], most: int | None) -> tuple:
        left = self.deadline.milliseconds(question)
        solver.set("timeout", min(left, most or left))
        solver.add(conditions)
        answer = solver.check()
        return answer, solver.model() if answer == z3.sat else None, solver.reason_unknown()

    def split(self, path: Path, condition: Condition) -> tuple[Path | None, Path | None]:
        """The path where the condition holds and where it does not; None for a way that nothing takes."""
        if isinstance(condition, bool):
            return (path, None) if condition else (None, path)
        opposite = negation(condition)
        known = None if path.model is None else path.model.eval(condition, model_completion=True)
        ways = []
        for way, taken in ((condition, z3.is_true), (opposite, z3.is_false)):
            if known is not None and taken(known):
                ways.append((True, path.model))
            else:
                # Undecided counts as possible: a way that nothing takes does no harm.
                answer, found, _ = self._ask(quick_solver(), "a branch", [*path.conditions, way], PATIENCE)
                ways.append((answer != z3.unsat, found))
        (yes, yes_model), (no, no_model) = ways
        if yes and no:
            return path.fork(condition, yes_model), path.fork(opposite, no_model)
        return (path, None) if yes else (None, path)

    def require(self, claim: Condition, path: Path, error: MinimisationError) -> None:
        """Prove that a claim holds on a path, or raise the error with an input for which it does not."""
        if claim is True:
            return
        found = self.model(f"can it be that {error.reason}", error.line, [*path.conditions, negation(claim)])
        if found is not None:
            raise self.fault(error, found)

    def fault(self, error: MinimisationError, model: z3.ModelRef) -> MinimisationError:
        """The error with the model's input; a weak invariant is blamed if the program runs well on it."""
        inputs = {name: concrete(variable, model) for name, variable in self.variables.items()}
        if not (self.auxiliary and self.rerun and isinstance(error, SpecificationError)):
            return error.at(inputs)
        try:
            self.rerun(inputs)
        except MinimisationError:
            return error.at(inputs)
        kind, line = next(reversed(self.auxiliary.values()))
        what = "invariant" if kind is WeakInvariant else "specification"
        where = "" if error.line is None else f" (line {error.line})"
        return kind(
            f"the {what} does not rule out that {error.reason}{where}, for {shown_inputs(inputs)}", line, inputs=inputs
        )

    def unknown(self, name: str, boolean: bool, whose: type, line: int) -> z3.ExprRef:
        """A fresh z3 constant for a value that is known by what is stated of it only."""
        make = z3.Bool if boolean else z3.Int
        fresh = make(name + str(len(self.auxiliary) + 1).translate(SUBSCRIPTS))  # no variable has such a name
        self.auxiliary[fresh] = whose, line
        return fresh
