"""The values an input may take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import z3

from course_lib.minimisation.errors import EmptyDomain, SpecificationError


@dataclass(frozen=True)
class Domain:
    """The values of one input: consecutive whole numbers, or False and True.

    Parameters
    ----------
    first, last : both inclusive; 0 and 1 for a Boolean input.
    is_bool : whether the input is a bool.

    Examples
    --------
    >>> salary = Domain(0, 100_000)
    >>> salary.size, 500 in salary, -1 in salary
    (100001, True, False)
    >>> Domain(0, 1, is_bool=True).values()
    (False, True)
    """

    first: int
    last: int
    is_bool: bool = False

    @classmethod
    def read(cls, name: str, given: Any) -> Domain:
        """The domain that a range (step 1) or the type ``bool`` stands for.

        Raises
        ------
        EmptyDomain
            for a range without a value.
        SpecificationError
            for anything else than a range of step 1 or ``bool``.

        Examples
        --------
        >>> Domain.read("salary", range(0, 10))
        Domain(first=0, last=9, is_bool=False)
        """
        if isinstance(given, Domain):
            return given
        if given is bool:
            return cls(0, 1, is_bool=True)
        if not isinstance(given, range):
            raise SpecificationError(f"the domain of {name!r} is a range or bool, not {given!r}")
        if not given:
            raise EmptyDomain(f"the domain of {name!r} is empty: {given!r}")
        if given.step != 1:
            raise SpecificationError(f"the domain of {name!r} must have step 1: {given!r}")
        return cls(given[0], given[-1])

    def variable(self, symbol: str) -> z3.ExprRef:
        """The unknown value of this input for the solver: a z3 Int, or a z3 Bool."""
        return z3.Bool(symbol) if self.is_bool else z3.Int(symbol)

    def constraint(self, variable: z3.ExprRef) -> z3.BoolRef:
        """first ≤ variable ≤ last; true for a Boolean input.

        Examples
        --------
        >>> Domain(0, 9).constraint(z3.Int("s"))
        And(0 <= s, s <= 9)
        """
        if self.is_bool:
            return z3.BoolVal(True)
        return z3.And(z3.IntVal(self.first) <= variable, variable <= self.last)

    def member(self, name: str, value: Any) -> int | bool:
        """The domain's own value that equals ``value`` (1 is True); refuses what lies outside.

        Examples
        --------
        >>> Domain(0, 1, is_bool=True).member("flag", 1)
        True
        >>> Domain(0, 9).member("age", 12)
        Traceback (most recent call last):
            ...
        course_lib.minimisation.errors.SpecificationError: age=12 lies outside its domain 0..9
        """
        if not isinstance(value, int) or not self.first <= value <= self.last:
            raise SpecificationError(f"{name}={value!r} lies outside its domain {self}")
        return bool(value) if self.is_bool else int(value)

    def __contains__(self, value: object) -> bool:
        return isinstance(value, int) and self.first <= value <= self.last

    @property
    def size(self) -> int:
        """How many values there are."""
        return self.last - self.first + 1

    def values(self) -> range | tuple[bool, ...]:
        """The values in ascending order, False before True."""
        return (False, True) if self.is_bool else range(self.first, self.last + 1)

    def __str__(self) -> str:
        return "bool" if self.is_bool else f"{self.first}..{self.last}"


def read_domains(parameters: tuple[str, ...], given: Mapping[str, Any], line: int | None = None) -> dict[str, Domain]:
    """The domains in the order of the function's parameters; both must have the same names.

    Parameters
    ----------
    parameters : names of the function's parameters.
    given : input -> range of step 1, ``bool`` or Domain.
    line : of the function, for the message.

    Raises
    ------
    SpecificationError
        for a missing or an unknown input, or a domain of another kind.
    EmptyDomain
        for a range without a value.

    Examples
    --------
    >>> read_domains(("salary",), {"salry": range(3)}, line=1)
    Traceback (most recent call last):
        ...
    course_lib.minimisation.errors.SpecificationError: line 1: no domain is given for 'salary'
    """
    if not isinstance(given, Mapping):
        raise SpecificationError(f"domains is a dict from input to range or bool, not {given!r}", line)
    for name in parameters:
        if name not in given:
            raise SpecificationError(f"no domain is given for {name!r}", line)
    for name in given:
        if name not in parameters:
            raise SpecificationError(f"there is no input {name!r}; the inputs are {', '.join(parameters)}", line)
    return {name: Domain.read(name, given[name]) for name in parameters}
