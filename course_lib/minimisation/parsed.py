"""Parsed functions, and what their global names stand for."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from course_lib.minimisation.errors import SpecificationError


def invariant(condition: object) -> None:
    """State what holds whenever the body of a ``while`` starts; does nothing when the program runs.

    As the first statement of a loop's body it replaces unrolling: that the condition holds when the loop
    is reached, and that the body preserves it, is proved; after the loop it is all that is known about
    the variables the loop assigns.

    Parameters
    ----------
    condition : of the variables that the loop knows, as the program may write one.

    Examples
    --------
    >>> i = 0
    >>> while i < 3:
    ...     invariant(0 <= i <= 3)
    ...     i += 1
    """


@dataclass(frozen=True)
class Specification:
    """What a called function without source promises, as two Python expressions.

    Parameters
    ----------
    parameters : names of its parameters.
    postcondition : what holds of them and of ``result``.
    precondition : what every call has to meet.
    returns : ``int`` or ``bool``.

    Examples
    --------
    >>> root = Specification(("n",), "result >= 0 and result * result <= n < (result + 1) * (result + 1)", "n >= 0")
    >>> root.returns
    <class 'int'>
    """

    parameters: tuple[str, ...]
    postcondition: str
    precondition: str = "True"
    returns: type = int


@dataclass(frozen=True, eq=False)
class Constant:
    """A global constant, as it was when the program was read.

    Examples
    --------
    >>> from course_lib.minimisation.program import program
    >>> program("LIMIT = 18\\ndef f(age): return age < LIMIT", {"age": range(99)}).entry.globals["LIMIT"].value
    18
    """

    value: int | bool | str | None


@dataclass(frozen=True, eq=False)
class Builtin:
    """abs, min, max, range or invariant.

    Examples
    --------
    >>> from course_lib.minimisation.program import program
    >>> program("def f(n): return abs(n)", {"n": range(-9, 9)}).entry.globals["abs"].name
    'abs'
    """

    name: str


@dataclass(frozen=True, eq=False)
class Function:
    """One parsed function: its statements, and what each of its global names stands for.

    Parameters
    ----------
    name, line : as its file has them.
    parameters : their names.
    body : its statements, with docstring and asserts.
    locals : every name that it binds.
    globals : every other name that it reads -> a Constant, Builtin, Function or Specified.

    Examples
    --------
    >>> from course_lib.minimisation.program import program
    >>> entry = program("def f(n):\\n assert n > 0\\n m = abs(n)\\n return m", {"n": range(9)}).entry
    >>> sorted(entry.locals), list(entry.globals), len(entry.leading_asserts), len(entry.statements)
    (['m', 'n'], ['abs'], 1, 2)
    """

    name: str
    line: int
    parameters: tuple[str, ...]
    body: tuple[ast.stmt, ...]
    locals: frozenset[str]
    globals: Mapping[str, Any] = field(repr=False)

    def calls(self, node: ast.AST | None, builtin: str) -> bool:
        """Whether a node is a call of this builtin, by whatever name the program knows it."""
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
            return False
        called = self.globals.get(node.func.id)
        return isinstance(called, Builtin) and called.name == builtin

    def invariant_of(self, loop: ast.While) -> ast.expr | None:
        """The condition of ``invariant(...)`` if that is how the loop's body starts."""
        first = loop.body[0].value if isinstance(loop.body[0], ast.Expr) else None
        return first.args[0] if self.calls(first, "invariant") else None

    @property
    def leading_asserts(self) -> tuple[ast.Assert, ...]:
        """The asserts that open the function, after its docstring: its precondition."""
        start = 1 if _is_docstring(self.body[0]) else 0
        end = start
        while end < len(self.body) and isinstance(self.body[end], ast.Assert):
            end += 1
        return self.body[start:end]

    @property
    def statements(self) -> tuple[ast.stmt, ...]:
        """The body after docstring and leading asserts."""
        return self.body[_is_docstring(self.body[0]) + len(self.leading_asserts) :]


def argument_order(call: ast.Call, callee: str, parameters: tuple[str, ...]) -> tuple[int, ...]:
    """For each parameter, which of the call's arguments it takes, counted as they are written.

    Raises
    ------
    SpecificationError
        if the arguments do not fit the parameters.

    Examples
    --------
    >>> call = ast.parse("rate(tax=3, incidents=0)").body[0].value
    >>> argument_order(call, "rate", ("incidents", "tax"))
    (1, 0)
    """
    names = [*parameters[: len(call.args)], *(keyword.arg for keyword in call.keywords)]
    if len(call.args) > len(parameters) or sorted(names) != sorted(parameters):
        takes = ", ".join(parameters)
        raise SpecificationError(f"{callee}({takes}) cannot be called as {ast.unparse(call)}", call.lineno)
    return tuple(names.index(parameter) for parameter in parameters)


@dataclass(frozen=True, eq=False)
class Specified:
    """A called function of which only the specification is known; both its parts are read as functions.

    Parameters
    ----------
    name, parameters, returns : as in :class:`Specification`.
    precondition : of the parameters.
    postcondition : of the parameters and ``result``.
    function : the function itself where it is at hand, for runs; else None.

    Examples
    --------
    >>> from course_lib.minimisation.program import program
    >>> given = {"root": Specification(("n",), "result * result <= n", precondition="n >= 0")}
    >>> root = program("def f(n): return root(n)", {"n": range(9)}, specifications=given).entry.globals["root"]
    >>> root.postcondition.parameters, root.function is None
    (('n', 'result'), True)
    """

    name: str
    parameters: tuple[str, ...]
    precondition: Function
    postcondition: Function
    returns: type
    function: Callable | None


def _is_docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
