"""What is refused, with the line of the file and the construct at fault."""

from __future__ import annotations

from collections.abc import Mapping


class MinimisationError(ValueError):
    """A program that cannot be turned into a minimiser.

    Parameters
    ----------
    reason : what is wrong and what to do about it.
    line : line of the file; for a loop or its invariant, the line of the ``while`` or ``for``.
    construct : the Python construct at fault, as it is written: "/", "is", "try".
    inputs : the concrete input that shows the fault, where there is one.

    Examples
    --------
    >>> error = UnsupportedConstruct("'/' is not supported", line=3, construct="/")
    >>> print(error)
    line 3: '/' is not supported
    >>> error.line, error.construct
    (3, '/')
    """

    def __init__(
        self,
        reason: str,
        line: int | None = None,
        construct: str | None = None,
        inputs: Mapping[str, int | bool] | None = None,
    ) -> None:
        super().__init__(reason if line is None else f"line {line}: {reason}")
        self.reason, self.line, self.construct = reason, line, construct
        self.inputs = None if inputs is None else dict(inputs)

    def at(self, inputs: Mapping[str, int | bool]) -> MinimisationError:
        """The same error with the input that shows it, unless it has one.

        Examples
        --------
        >>> print(SpecificationError("division by zero", line=2).at({"n": 0}))
        line 2: division by zero, for n=0
        """
        if self.inputs is not None:
            return self
        return type(self)(f"{self.reason}, for {shown_inputs(inputs)}", self.line, self.construct, inputs)


def shown_inputs(inputs: Mapping[str, int | bool]) -> str:
    """An input as a message quotes it.

    Examples
    --------
    >>> shown_inputs({"salary": 0, "resident": True})
    'salary=0, resident=True'
    """
    return ", ".join(f"{name}={value}" for name, value in inputs.items())


class UnsupportedConstruct(MinimisationError):
    """The program uses something whose meaning is not modelled, so that no answer would be safe.

    Examples
    --------
    >>> from course_lib.minimisation.program import program
    >>> program("def root(n):\\n    return n ** 2", {"n": range(10)})
    Traceback (most recent call last):
        ...
    course_lib.minimisation.errors.UnsupportedConstruct: line 2: '**' is not supported (n ** 2)
    """


class LoopBound(MinimisationError):
    """A loop may run more often than ``max_unroll`` and has no invariant.

    Examples
    --------
    >>> from course_lib.minimisation import characterise, program
    >>> text = "def total(n):\\n s = 0\\n for i in range(n):\\n  s += i\\n return s"
    >>> characterise(program(text, {"n": range(10)}, max_unroll=9)).program.max_unroll
    9
    >>> characterise(program(text, {"n": range(11)}, max_unroll=9))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    course_lib.minimisation.errors.LoopBound: line 3: the loop may run more than 9 times: ..., for n=10
    """


class WeakInvariant(MinimisationError):
    """A true invariant that leaves the output open: the minimiser would be wrong, not coarse.

    Examples
    --------
    >>> from course_lib.minimisation import characterise, examples, program
    >>> try:
    ...     characterise(program(examples.loyalty_weak, examples.DOMAINS["loyalty_weak"]))
    ... except WeakInvariant as error:
    ...     print(error.reason[:36])
    the invariant leaves the result open
    """


class SpecificationError(MinimisationError):
    """The program breaks its own rules: an assert, a divisor, an invariant, the names of its domains.

    Examples
    --------
    >>> from course_lib.minimisation import characterise, program
    >>> text = "def rest(n):\\n    n = n + 1\\n    assert n < 10\\n    return n"
    >>> characterise(program(text, {"n": range(10)}))
    Traceback (most recent call last):
        ...
    course_lib.minimisation.errors.SpecificationError: line 3: the assert fails: n < 10, for n=9
    """


class EmptyDomain(MinimisationError):
    """No input is legal: a range holds no value, or the asserts that open the function leave none.

    Examples
    --------
    >>> from course_lib.minimisation.program import program
    >>> program("def old(age): return age >= 65", {"age": range(65, 0)})
    Traceback (most recent call last):
        ...
    course_lib.minimisation.errors.EmptyDomain: the domain of 'age' is empty: range(65, 0)
    """


class Undecided(MinimisationError):
    """The solver gave up or ran out of time on a question that has to be settled; nothing is guessed.

    Examples
    --------
    >>> from course_lib.minimisation.exhaustive import require_few
    >>> from course_lib.minimisation.program import program
    >>> require_few(program("def f(a, b): return a + b", {"a": range(10_000), "b": range(10_000)}))
    Traceback (most recent call last):
        ...
    course_lib.minimisation.errors.Undecided: 100,000,000 inputs are too many to run one by one
    """
