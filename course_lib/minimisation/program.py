"""A Python function with the domains of its inputs, read from its source and never executed from text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from course_lib.minimisation.domains import Domain, read_domains
from course_lib.minimisation.errors import MinimisationError, SpecificationError, UnsupportedConstruct
from course_lib.minimisation.interpreter import Interpreter
from course_lib.minimisation.parsed import Builtin, Function, Specification, Specified, invariant
from course_lib.minimisation.reading import Reader


@dataclass(frozen=True, eq=False)
class Program:
    """A function with the domains of its inputs; made by ``program``.

    Parameters
    ----------
    entry : the parsed function.
    domains : input -> Domain, in the order of the function's parameters.
    max_unroll : how often a loop without an invariant may run.
    function : the function itself, or None for a program given as text.
    source : its text.
    first_line : the line of the file on which the text starts.

    Examples
    --------
    >>> half = program("def half(n): return n // 2", {"n": range(-5, 6)})
    >>> half.name, half.size, str(half.domains["n"]), half.run(n=-5)
    ('half', 11, '-5..5', -3)
    """

    entry: Function
    domains: Mapping[str, Domain]
    max_unroll: int
    function: Callable | None
    source: str
    first_line: int

    @property
    def name(self) -> str:
        """The function's name."""
        return self.entry.name

    @property
    def size(self) -> int:
        """How many inputs there are, legal or not."""
        size = 1
        for domain in self.domains.values():
            size *= domain.size
        return size

    @cached_property
    def _interpreter(self) -> Interpreter:
        return Interpreter()

    def run(self, **inputs: int | bool) -> Any:
        """The result for one input, found by walking the program's tree; nothing is executed.

        Returns
        -------
        What the function returns, or ``ILLEGAL`` for an input that breaks its leading asserts.

        Raises
        ------
        SpecificationError
            for an input outside its domain, and where the function would raise an exception.
        LoopBound
            for a loop that runs a million times.

        Examples
        --------
        >>> half = program("def half(n): return n // 2", {"n": range(-5, 6)})
        >>> half.run(n=-5)
        -3
        """
        if set(inputs) != set(self.domains):
            raise SpecificationError(f"run takes the inputs {', '.join(self.domains)}, not {', '.join(inputs)}")
        return self.result(tuple(domain.member(name, inputs[name]) for name, domain in self.domains.items()))

    def result(self, values: tuple[int | bool, ...]) -> Any:
        """As ``run``, for values in the order of ``domains`` that are known to lie in their domains.

        Parameters
        ----------
        values : one for each input.

        Returns
        -------
        What the function returns, or ``ILLEGAL``.

        Raises
        ------
        SpecificationError, LoopBound
            as ``run`` says.

        Examples
        --------
        >>> program("def half(n): return n // 2", {"n": range(-5, 6)}).result((-5,))
        -3
        """
        try:
            return self._interpreter.result(self.entry, values)
        except MinimisationError as error:
            raise error.at(dict(zip(self.domains, values, strict=True))) from None

    @cached_property
    def functions(self) -> tuple[Function, ...]:
        """The entry and all functions it calls, directly or not."""
        found: dict[Function, None] = {}
        waiting = [self.entry]
        while waiting:
            function = waiting.pop()
            found[function] = None
            waiting.extend(g for g in function.globals.values() if isinstance(g, Function) and g not in found)
        return tuple(found)

    @property
    def has_preconditions(self) -> bool:
        """Whether an assert opens the function, so that some inputs may be illegal."""
        return bool(self.entry.leading_asserts)

    @property
    def _named(self) -> list[Any]:
        return [meaning for function in self.functions for meaning in function.globals.values()]

    @property
    def has_assumptions(self) -> bool:
        """Whether an invariant or a specification stands for code: then only Γ shows if it says enough."""
        return any(isinstance(m, Specified) or (isinstance(m, Builtin) and m.name == "invariant") for m in self._named)

    @property
    def can_run(self) -> bool:
        """Whether there is code for all that is called; otherwise a result is what a postcondition promises."""
        return not any(isinstance(m, Specified) and m.function is None for m in self._named)


def program(
    function_or_source: Callable | str,
    domains: Mapping[str, Any],
    max_unroll: int = 64,
    entry: str | None = None,
    specifications: Mapping[str, Specification] | None = None,
) -> Program:
    r"""Read a function and the domains of its inputs.

    The supported part of Python: ints and bools; ``+ - * // % abs min max``; comparisons, ``and or not``
    and conditional expressions; ``if``, ``for … in range``, ``while``, ``break``, ``continue``, ``return``,
    ``assert`` and assignments; tuples; calls of functions of the same kind. Asserts that open the
    function are its precondition, later ones have to be provable. A global constant that no
    function rebinds is read once, here. Everything else is refused.

    Parameters
    ----------
    function_or_source : a Python function, or the text of a module, which is parsed and never run.
    domains : input -> range (step 1) or ``bool``, for each parameter.
    max_unroll : how often a loop without an invariant may run.
    entry : which function of a text with several.
    specifications : name of a called function -> its Specification, for functions without source.

    Raises
    ------
    UnsupportedConstruct
        for whatever is not modelled, with its line and name.
    SpecificationError
        for domains that do not match the parameters, or text that does not parse.
    EmptyDomain
        for a range without a value.

    Examples
    --------
    >>> benefits = program("def benefits(salary): return salary < 10000", {"salary": range(0, 100_001)})
    >>> benefits.run(salary=9999), benefits.run(salary=10000)
    (True, False)
    >>> program("def share(n):\n    return n / 2", {"n": range(10)})
    Traceback (most recent call last):
        ...
    course_lib.minimisation.errors.UnsupportedConstruct: line 2: '/' is not supported (n / 2); use // for whole numbers
    """
    if isinstance(max_unroll, bool) or not isinstance(max_unroll, int) or max_unroll < 1:
        raise SpecificationError(f"max_unroll is a whole number from 1, not {max_unroll!r}")
    reader = Reader(specifications or {})
    try:
        if isinstance(function_or_source, str):
            parsed, text, line = reader.read_text(function_or_source, entry)
            function = None
        else:
            parsed, text, line = reader.read_function(function_or_source, entry)
            function = function_or_source
    except RecursionError:
        raise UnsupportedConstruct("the code is nested too deeply", construct="nesting") from None
    if not parsed.parameters:
        raise SpecificationError(f"{parsed.name}() takes no input: there is nothing to minimise", parsed.line)
    return Program(parsed, read_domains(parsed.parameters, domains, parsed.line), max_unroll, function, text, line)


__all__ = ["Program", "Specification", "invariant", "program"]
