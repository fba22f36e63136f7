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
        """The same error with the input that shows it, unless it has one."""
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
    """The program uses something whose meaning is not modelled, so that no answer would be safe."""


class LoopBound(MinimisationError):
    """A loop may run more often than ``max_unroll`` and has no invariant."""


class WeakInvariant(MinimisationError):
    """A true invariant that leaves the output open: the minimiser would be wrong, not coarse."""


class SpecificationError(MinimisationError):
    """The program breaks its own rules: an assert, a divisor, an invariant, the names of its domains."""


class EmptyDomain(MinimisationError):
    """No input is legal."""


class Undecided(MinimisationError):
    """The solver gave up or ran out of time on a question that has to be settled; nothing is guessed."""
