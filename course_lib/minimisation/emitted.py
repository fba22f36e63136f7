"""An emitted module read back: parsed with ast and walked, never executed.

Only the forms that ``emit`` writes are understood; anything else is refused. What is read is the text
itself, so that a slip of the pen in the module, or in the code that wrote it, shows.
"""

from __future__ import annotations

import ast
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field

import z3

from course_lib.minimisation.errors import UnsupportedConstruct

ARITHMETIC: dict[type, Callable] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.FloorDiv: lambda a, b: a // b,
    ast.Mod: lambda a, b: a % b,
}
CLAMPS: dict[str, Callable] = {"min": min, "max": max}
OPPOSITE = {ast.Lt: ast.GtE, ast.GtE: ast.Lt, ast.Gt: ast.LtE, ast.LtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq}
REFUSED = z3.Int("refused")  # what a module returns where it would raise: nothing is known about it
BISECT = "bisect_right"
IMPORT = f"from bisect import {BISECT}"
Intervals = list[tuple[int, int]]


@dataclass(frozen=True)
class Body:
    """One function of a module, as what it returns on each interval of its argument.

    Parameters
    ----------
    argument : its name.
    first, last : the values it accepts; it refuses all others.
    fold : None, or the expression (of the argument) on whose value the intervals are.
    variable : the name on whose value the intervals are.
    pieces : (first, last, expression) in ascending order, without gaps.

    Raises
    ------
    ValueError
        when called with a value outside first..last.

    Examples
    --------
    >>> from course_lib.minimisation.classes import Partition
    >>> from course_lib.minimisation.emit import module_source
    >>> votes = read_module(module_source("age", Partition.of_runs([(0, 17, 0), (18, 120, 1)]), "may_vote")).partition
    >>> votes.argument, votes(17), votes(18), votes.accepts(121)
    ('age', 0, 1, False)
    """

    argument: str
    first: int
    last: int
    fold: ast.expr | None
    variable: str
    pieces: tuple[tuple[int, int, ast.expr], ...]
    _starts: list[int] = field(init=False, repr=False, compare=False)
    _returns: list[Callable] = field(init=False, repr=False, compare=False)
    _folded: Callable | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_starts", [first for first, _, _ in self.pieces])
        object.__setattr__(self, "_returns", [_closure(e, self.variable) for _, _, e in self.pieces])
        object.__setattr__(self, "_folded", self.fold and _closure(self.fold, self.argument))

    def accepts(self, x: int) -> bool:
        """Whether the function answers this value, or refuses it."""
        return self.first <= x <= self.last

    def __call__(self, x: int) -> int:
        """What the function returns; raises ValueError or IndexError where the function itself would."""
        if not self.accepts(x):
            raise ValueError(f"{self.argument} lies outside {self.first}..{self.last}: {x!r}")
        at = self._folded(x) if self._folded else x
        return self._returns[bisect_right(self._starts, at) - 1](at)

    def term(self, x: z3.ArithRef) -> z3.ArithRef:
        """What the function returns, for the solver; REFUSED where it raises."""
        at = _term(self.fold, self.argument, x) if self.fold else x
        result = _term(self.pieces[-1][2], self.variable, at)
        for _, last, expression in reversed(self.pieces[:-1]):
            result = z3.If(at <= last, _term(expression, self.variable, at), result)
        return z3.If(z3.And(self.first <= x, x <= self.last), result, REFUSED)


@dataclass(frozen=True)
class Module:
    """The two functions of an emitted module; the minimiser is their composition.

    Examples
    --------
    >>> from course_lib.minimisation.classes import Partition
    >>> from course_lib.minimisation.emit import module_source
    >>> module = read_module(module_source("age", Partition.of_runs([(0, 17, 0), (18, 120, 1)]), "may_vote"))
    >>> module(44), module.range(), module.cuts()
    (18, [0, 18], [18])
    """

    partition: Body
    representative: Body

    def __call__(self, x: int) -> int:
        """What ``minimise`` returns."""
        return self.representative(self.partition(x))

    def accepts(self, x: int) -> bool:
        """Whether ``minimise`` answers this value, or refuses it."""
        return self.partition.accepts(x)

    def range(self) -> list[int]:
        """All values that ``minimise`` returns, ascending."""
        body = self.partition
        labels: set[int] = set()
        for first, last, expression in body.pieces:
            returns = _closure(expression, body.variable)
            constant = isinstance(expression, ast.Constant)
            labels |= {returns(x) for x in range(first, first + 1 if constant else last + 1)}
        return sorted({self.representative(label) for label in labels})

    def cuts(self) -> list[int]:
        """Values at which ``partition`` changes from one return to another."""
        body = self.partition
        return [] if body.fold else [first for first, _, _ in body.pieces[1:]]

    def term(self, x: z3.ArithRef) -> z3.ArithRef:
        """What ``minimise`` returns, for the solver; REFUSED where it raises."""
        body = self.partition
        if body.fold is not None or not all(isinstance(e, ast.Constant) for _, _, e in body.pieces):
            return self.representative.term(body.term(x))
        # Constant labels are looked up here, which spares the solver a table within a table.
        result = REFUSED
        for _, last, label in reversed(body.pieces):
            known = self.representative.accepts(label.value)
            value = z3.IntVal(int(self.representative(label.value))) if known else REFUSED
            result = value if last == body.last else z3.If(x <= last, value, result)
        return z3.If(z3.And(body.first <= x, x <= body.last), result, REFUSED)


def read_module(source: str) -> Module:
    """Parse the text of an emitted module.

    Raises
    ------
    UnsupportedConstruct
        for whatever ``emit`` does not write, with line and construct.

    Examples
    --------
    >>> from course_lib.minimisation.classes import Partition
    >>> from course_lib.minimisation.emit import module_source
    >>> module = read_module(module_source("age", Partition.of_runs([(0, 17, 0), (18, 120, 1)]), "may_vote"))
    >>> module(17), module(44), module.accepts(121)
    (0, 18, False)
    """
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        raise UnsupportedConstruct(f"the module is no Python: {error.msg}", error.lineno) from None
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    for node in tree.body:
        names = isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
        if not (names or isinstance(node, ast.FunctionDef) or _is_docstring(node) or ast.unparse(node) == IMPORT):
            raise _refused(node, "holds more than its three functions")
    if IMPORT not in map(ast.unparse, tree.body) and f"{BISECT}(" in source:
        raise UnsupportedConstruct(f"the module uses {BISECT} and does not import it")
    if sorted(f.name for f in functions) != ["minimise", "partition", "representative"]:
        raise UnsupportedConstruct("the module does not hold partition, representative and minimise, once each")
    by_name = {function.name: function for function in functions}
    _require_composition(by_name["minimise"])
    return Module(_body(by_name["partition"]), _body(by_name["representative"]))


def _refused(node: ast.AST, why: str) -> UnsupportedConstruct:
    return UnsupportedConstruct(f"the module {why}", getattr(node, "lineno", None), ast.unparse(node))


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _statements(function: ast.FunctionDef) -> list[ast.stmt]:
    return function.body[1:] if _is_docstring(function.body[0]) else function.body


def _argument(function: ast.FunctionDef) -> str:
    if function.decorator_list:
        raise _refused(function.decorator_list[0], "decorates a function")
    names = [argument.arg for argument in function.args.args]
    if len(names) != 1 or ast.unparse(function.args).split(":")[0] != names[0] or function.args.defaults:
        raise _refused(function, "has a function that takes more than one plain argument")
    return names[0]


def _require_composition(function: ast.FunctionDef) -> None:
    wanted = f"return representative(partition({_argument(function)}))"
    statements = _statements(function)
    if len(statements) != 1 or ast.unparse(statements[0]) != wanted:
        raise _refused(statements[0], f"does not minimise by `{wanted}`")


def _body(function: ast.FunctionDef) -> Body:
    argument, statements = _argument(function), _statements(function)
    first, last = _accepted(statements[0], argument)
    statements = statements[1:]
    fold, variable, low, high = None, argument, first, last
    if _assigns(statements, ast.BinOp):
        fold, variable, period = _remainder(statements[0], argument)
        low, high, statements = 0, period - 1, statements[1:]
    if not statements:
        raise _refused(function, "returns nothing")
    if _assigns(statements, ast.Tuple):
        pieces = _between_cuts(statements, variable, low, high)
    else:
        pieces = sorted(_walk(statements, variable, [(low, high)]), key=lambda piece: piece[0])
    return Body(argument, first, last, fold, variable, tuple(pieces))


def _accepted(check: ast.stmt, argument: str) -> tuple[int, int]:
    """The interval outside which the first statement raises."""
    raises = isinstance(check, ast.If) and len(check.body) == 1 and isinstance(check.body[0], ast.Raise)
    if not raises or check.orelse:
        raise _refused(check, "does not begin by refusing what lies outside the domain")
    if ast.unparse(check.test) == f"{argument} not in (False, True)":
        return 0, 1
    if isinstance(check.test, ast.BoolOp) and isinstance(check.test.op, ast.Or) and len(check.test.values) == 2:
        kind, bounds = check.test.values
        inner = bounds.operand if isinstance(bounds, ast.UnaryOp) and isinstance(bounds.op, ast.Not) else None
        if (
            ast.unparse(kind) == f"not isinstance({argument}, int)"
            and isinstance(inner, ast.Compare)
            and [type(operator) for operator in inner.ops] == [ast.LtE, ast.LtE]
            and ast.unparse(inner.comparators[0]) == argument
        ):
            return _number(inner.left), _number(inner.comparators[1])
    raise _refused(check.test, "refuses values by a test that is not understood")


def _remainder(assign: ast.Assign, argument: str) -> tuple[ast.expr, str, int]:
    value, target = assign.value, assign.targets[0]
    if not (isinstance(value, ast.BinOp) and isinstance(value.op, ast.Mod) and isinstance(target, ast.Name)):
        raise _refused(assign, "assigns something other than a remainder")
    _closure(value, argument)  # refuses what is not understood
    return value, target.id, _number(value.right)


def _assigns(statements: list[ast.stmt], kind: type) -> bool:
    first = statements[0] if statements else None
    return isinstance(first, ast.Assign) and len(first.targets) == 1 and isinstance(first.value, kind)


def _between_cuts(statements: list[ast.stmt], name: str, low: int, high: int) -> list[tuple[int, int, ast.expr]]:
    """What is returned by the place of the argument among ascending cuts."""
    tables: dict[str, list[int]] = {}
    line = statements[0].lineno
    while _assigns(statements, ast.Tuple):
        tables[ast.unparse(statements[0].targets[0])] = [_number(element) for element in statements[0].value.elts]
        statements = statements[1:]
    cuts, place = tables.get("cuts", []), f"{BISECT}(cuts, {name})"
    meanings = {f"return {place}": range(len(cuts) + 1), f"return labels[{place}]": tables.get("labels", [])}
    labels = meanings.get("\n".join(map(ast.unparse, statements)), [])
    if len(labels) <= len(cuts) or cuts != sorted(cuts) or name in (BISECT, *tables):
        raise UnsupportedConstruct("the module has a table that is not understood", line)
    bounds = zip([low, *cuts], [*cuts, high + 1], labels, strict=False)
    clipped = ((max(low, first), min(high, end - 1), label) for first, end, label in bounds)
    return [(first, last, ast.Constant(label)) for first, last, label in clipped if first <= last]


def _walk(statements: list[ast.stmt], name: str, reached: Intervals) -> list[tuple[int, int, ast.expr]]:
    """What is returned on each interval that reaches the statements, in the order of the text."""
    found = []
    for statement in statements:
        if isinstance(statement, ast.Return) and statement.value is not None:
            return found + _returned(statement.value, name, reached)
        if not isinstance(statement, ast.If):
            raise _refused(statement, "has a statement that is not understood")
        inside, reached = _split(statement.test, name, reached)
        found += _walk(statement.body, name, inside)
        if statement.orelse:
            return found + _walk(statement.orelse, name, reached)
    raise _refused(statements[-1], "returns nothing for some value")


def _returned(value: ast.expr, name: str, reached: Intervals) -> list[tuple[int, int, ast.expr]]:
    if isinstance(value, ast.IfExp):
        inside, outside = _split(value.test, name, reached)
        return _returned(value.body, name, inside) + _returned(value.orelse, name, outside)
    _closure(value, name)  # refuses what is not understood
    return [(first, last, value) for first, last in reached]


def _split(test: ast.expr, name: str, reached: Intervals) -> tuple[Intervals, Intervals]:
    """The parts of the intervals on which a test holds, and on which it does not."""
    if isinstance(test, ast.Name) and test.id == name:  # a Boolean argument: the test is its value
        return _where(reached, ast.NotEq, 0), _where(reached, ast.Eq, 0)
    comparison = isinstance(test, ast.Compare) and len(test.ops) == 1 and ast.unparse(test.left) == name
    if not comparison or type(test.ops[0]) not in OPPOSITE:
        raise _refused(test, "has a test that is not understood")
    operator, bound = type(test.ops[0]), _number(test.comparators[0])
    return _where(reached, operator, bound), _where(reached, OPPOSITE[operator], bound)


def _where(reached: Intervals, operator: type, bound: int) -> Intervals:
    if operator in (ast.Eq, ast.NotEq):
        below, rest = _cut(reached, bound)
        at, above = _cut(rest, bound + 1)
        return at if operator is ast.Eq else below + above
    below, above = _cut(reached, bound + (operator in (ast.LtE, ast.Gt)))
    return below if operator in (ast.Lt, ast.LtE) else above


def _cut(reached: Intervals, bound: int) -> tuple[Intervals, Intervals]:
    """The parts of ascending intervals below a bound, and from it on."""
    place = bisect_left(reached, (bound,))
    below, above = reached[:place], reached[place:]
    if below and below[-1][1] >= bound:
        first, last = below[-1]
        below[-1], above = (first, bound - 1), [(bound, last), *above]
    return below, above


def _number(node: ast.expr) -> int:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_number(node.operand)
    if not (isinstance(node, ast.Constant) and isinstance(node.value, int)):
        raise _refused(node, "has something other than a whole number")
    return node.value


def _closure(node: ast.expr, name: str) -> Callable[[int], int]:
    """An expression over one name as a Python function."""
    if isinstance(node, ast.Name) and node.id == name:
        return lambda x: x
    if isinstance(node, ast.Constant | ast.UnaryOp):
        value = _number(node)
        return lambda x: value
    if isinstance(node, ast.BinOp) and type(node.op) in ARITHMETIC:
        operation, left, right = ARITHMETIC[type(node.op)], _closure(node.left, name), _closure(node.right, name)
        if isinstance(node.op, ast.FloorDiv | ast.Mod) and _number(node.right) < 1:
            raise _refused(node, "divides by a number below 1")
        return lambda x: operation(left(x), right(x))
    if isinstance(node, ast.Call) and ast.unparse(node.func) in CLAMPS and len(node.args) == 2 and not node.keywords:
        clamp, inner, bound = CLAMPS[node.func.id], _closure(node.args[0], name), _number(node.args[1])
        return lambda x: clamp(inner(x), bound)
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Tuple):
        table, index = [_number(element) for element in node.value.elts], _closure(node.slice, name)
        return lambda x: _looked_up(table, index(x))
    raise _refused(node, "has an expression that is not understood")


def _looked_up(table: list[int], index: int) -> int:
    if not 0 <= index < len(table):  # a negative index is no error in Python, but none that emit writes
        raise IndexError(f"no entry {index} in a table of {len(table)}")
    return table[index]


def _term(node: ast.expr, name: str, x: z3.ArithRef) -> z3.ArithRef:
    """An expression over one name for the solver; ``_closure`` has refused what is not understood."""
    if isinstance(node, ast.Name):
        return x
    if isinstance(node, ast.BinOp):
        left, right = _term(node.left, name, x), _term(node.right, name, x)
        # Divisors are positive, where Python and SMT-LIB agree.
        return left / right if isinstance(node.op, ast.FloorDiv) else ARITHMETIC[type(node.op)](left, right)
    if isinstance(node, ast.Call):
        inner, bound = _term(node.args[0], name, x), z3.IntVal(_number(node.args[1]))
        return z3.If(inner <= bound if node.func.id == "min" else inner >= bound, inner, bound)
    if isinstance(node, ast.Subscript):
        index, values = _term(node.slice, name, x), [_number(element) for element in node.value.elts]
        result = REFUSED
        for place in reversed(range(len(values))):
            result = z3.If(index == place, z3.IntVal(int(values[place])), result)
        return result
    return z3.IntVal(int(_number(node)))
