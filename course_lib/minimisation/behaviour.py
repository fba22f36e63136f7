"""What a program does with concrete inputs: the real function where there is one."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from random import Random
from typing import Any

from course_lib.minimisation.errors import MinimisationError
from course_lib.minimisation.program import Program
from course_lib.minimisation.values import ILLEGAL


class Disagreement(MinimisationError):
    """Γ and the program itself differ at a concrete input: nothing that is proved on Γ can be trusted.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from course_lib.minimisation.program import program
    >>> half = program("def half(n): return n // 2", {"n": range(5)})
    >>> Behaviour(replace(half, function=lambda n: n // 0))((4,))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    course_lib.minimisation.behaviour.Disagreement: line 1: half(4,) raises ..., which its source does not explain
    """


class Behaviour:
    """Runs a program on inputs given as a tuple, in the order of its parameters.

    A program given as a function is called; one given as text is walked. Both give ILLEGAL for an input
    that breaks the precondition.

    Parameters
    ----------
    program : the program.

    Examples
    --------
    >>> from course_lib.minimisation.program import program
    >>> half = Behaviour(program("def half(n):\\n    assert n >= 0\\n    return n // 2", {"n": range(-5, 6)}))
    >>> half((5,)), half((-1,))
    (2, ILLEGAL)
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        # Without asserts (python -O) the function would take illegal inputs for legal ones.
        self._function = program.function if __debug__ else None

    @property
    def is_fast(self) -> bool:
        """Whether a run is a call, hundreds of times faster than a walk."""
        return self._function is not None

    def __call__(self, values: tuple) -> Any:
        """The result; raises SpecificationError, with the inputs, where the program breaks its own rules."""
        if self._function is None:
            return self.program.result(values)
        try:
            return self._function(*values)
        except Exception as error:  # a precondition, or a fault that the walk names
            result = self.program.result(values)
            if result != ILLEGAL or not isinstance(error, AssertionError):
                raise Disagreement(
                    f"{self.program.name}{values} raises {error!r}, which its source does not explain",
                    self.program.first_line,
                ) from error
            return result


def random_inputs(program: Program, seed: int = 0) -> Iterator[tuple]:
    """Inputs without end, legal or not, each value drawn from its domain.

    Examples
    --------
    >>> from course_lib.minimisation.program import program
    >>> next(random_inputs(program("def f(a, n): return a", {"a": bool, "n": range(7, 8)})))
    (True, 7)
    """
    random, domains = Random(seed), program.domains.values()
    while True:
        drawn = [random.randint(domain.first, domain.last) for domain in domains]
        yield tuple([bool(x) if domain.is_bool else x for x, domain in zip(drawn, domains, strict=True)])


def all_inputs(program: Program) -> Iterator[tuple]:
    """Every input, legal or not, in lexicographic order.

    Examples
    --------
    >>> from course_lib.minimisation.program import program
    >>> list(all_inputs(program("def f(a, n): return a", {"a": bool, "n": range(2)})))
    [(False, 0), (False, 1), (True, 0), (True, 1)]
    """
    return product(*(domain.values() for domain in program.domains.values()))
