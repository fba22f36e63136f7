"""Expressions over unknown inputs: each has one value, its branches merged."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Sequence

import z3

from course_lib.minimisation.errors import MinimisationError, SpecificationError, UnsupportedConstruct
from course_lib.minimisation.parsed import Builtin, Function, Specified, argument_order
from course_lib.minimisation.paths import Path
from course_lib.minimisation.questions import Questions
from course_lib.minimisation.values import (
    UNBOUND,
    UNKNOWN,
    Condition,
    Value,
    as_int,
    both,
    choices,
    either,
    equal,
    is_bool,
    is_number,
    merged,
    negation,
    truth,
)

COMPARISONS = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
SIGNS = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.FloorDiv: "//", ast.Mod: "%", ast.USub: "-", ast.UAdd: "+",
    ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
}  # fmt: skip


class Expressions(Questions):
    """Evaluates expressions; what they need in order to have a value is proved on the way.

    Examples
    --------
    >>> from course_lib.minimisation.deadline import Deadline
    >>> from course_lib.minimisation.program import program
    >>> n, entry = z3.Int("n"), program("def f(n): return n", {"n": range(9)}).entry
    >>> evaluate = Expressions({"n": n}, 64, Deadline()).evaluate
    >>> evaluate(ast.parse("n + 1 if n < 5 else 0").body[0].value, Path(entry, (), {"n": n}))
    If(n < 5, n + 1, 0)
    """

    def call(self, function: Function, values: Sequence[Value], path: Path) -> Value:
        """What a called function returns; the executor knows."""
        raise NotImplementedError

    def specified(self, callee: Specified, values: Sequence[Value], path: Path, line: int) -> Value:
        """What a function known by its specification returns; the executor knows."""
        raise NotImplementedError

    def evaluate(self, node: ast.expr, path: Path) -> Value:
        """The value of an expression; what it needs in order to have one is proved on the way."""
        return getattr(self, f"_{type(node).__name__.lower()}")(node, path)

    def _only(self, value: Value, good: Callable[[Value], bool], path: Path, error: MinimisationError) -> Value:
        """The value without the cases that are not good, which are proved to be impossible."""
        cases = choices(value)
        fine = [(guard, case) for guard, case in cases if good(case)]
        if len(fine) == len(cases):
            return value
        self.require(negation(either(*(guard for guard, case in cases if not good(case)))), path, error)
        return merged(fine) if fine else None

    def _number(self, value: Value, path: Path, sign: str, line: int) -> Value:
        if is_number(value):
            return value
        others = [case for _, case in choices(value) if not is_number(case)]
        kinds = " or ".join(sorted({"None" if case is None else f"a {type(case).__name__}" for case in others}))
        error = UnsupportedConstruct(f"{sign!r} is not supported on {kinds}", line, sign)
        number = self._only(value, is_number, path, error)
        return 0 if number is None else number

    def _constant(self, node: ast.Constant, path: Path) -> Value:
        return node.value

    def _name(self, node: ast.Name, path: Path) -> Value:
        name, line = node.id, node.lineno
        if name not in path.function.locals:
            return path.function.globals[name].value
        reason = f"{name!r} is assigned for the first time inside a loop with an invariant: assign it before"
        late = UnsupportedConstruct(reason, line, "invariant")
        value = self._only(path.store.get(name, UNBOUND), lambda case: case is not UNKNOWN, path, late)
        unbound = SpecificationError(f"the variable {name!r} is read before it is assigned", line)
        return self._only(value, lambda case: case is not UNBOUND, path, unbound)

    def _tuple(self, node: ast.Tuple, path: Path) -> Value:
        return tuple([self.evaluate(part, path) for part in node.elts])

    def _ifexp(self, node: ast.IfExp, path: Path) -> Value:
        test = truth(self.evaluate(node.test, path))
        if isinstance(test, bool):
            return self.evaluate(node.body if test else node.orelse, path)
        ways = ((test, node.body), (negation(test), node.orelse))
        return merged([(guard, self.evaluate(part, path.under(guard))) for guard, part in ways])

    def _boolop(self, node: ast.BoolOp, path: Path) -> Value:
        conjunction = isinstance(node.op, ast.And)
        parts, cases, reached = [], [], True
        for part in node.values:
            parts.append(self.evaluate(part, path))
            goes_on = truth(parts[-1]) if conjunction else negation(truth(parts[-1]))
            cases.append((both(reached, negation(goes_on)), parts[-1]))
            if goes_on is False:
                break
            reached, path = both(reached, goes_on), path.under(goes_on)
        else:
            cases.append((reached, parts[-1]))
        return (both if conjunction else either)(*parts) if all(map(is_bool, parts)) else merged(cases)

    def _compare(self, node: ast.Compare, path: Path) -> Value:
        left, results = self.evaluate(node.left, path), []
        for op, part in zip(node.ops, node.comparators, strict=True):
            right = self.evaluate(part, path)
            results.append(self._comparison(op, left, right, path, node.lineno))
            if results[-1] is False:
                break
            left, path = right, path.under(results[-1])
        return both(*results)

    def _comparison(self, op: ast.cmpop, a: Value, b: Value, path: Path, line: int) -> Condition:
        if isinstance(op, ast.Eq | ast.NotEq):
            return equal(a, b) if isinstance(op, ast.Eq) else negation(equal(a, b))
        a, b = (as_int(self._number(x, path, SIGNS[type(op)], line)) for x in (a, b))
        return COMPARISONS[type(op)](a, b)

    def _unaryop(self, node: ast.UnaryOp, path: Path) -> Value:
        value = self.evaluate(node.operand, path)
        if isinstance(node.op, ast.Not):
            return negation(truth(value))
        number = as_int(self._number(value, path, SIGNS[type(node.op)], node.lineno))
        return -number if isinstance(node.op, ast.USub) else number

    def _binop(self, node: ast.BinOp, path: Path) -> Value:
        spine = [node]  # a sum of a thousand terms leans left a thousand deep
        while isinstance(spine[-1].left, ast.BinOp):
            spine.append(spine[-1].left)
        value = self.evaluate(spine[-1].left, path)
        for step in reversed(spine):
            value = self._arithmetic(step.op, value, self.evaluate(step.right, path), path, step.lineno)
        return value

    def _arithmetic(self, op: ast.operator, a: Value, b: Value, path: Path, line: int) -> Value:
        a, b = (as_int(self._number(x, path, SIGNS[type(op)], line)) for x in (a, b))
        if isinstance(op, ast.Add):
            return b if isinstance(a, int) and a == 0 else a + b
        if isinstance(op, ast.Sub):
            return a - b
        if isinstance(op, ast.Mult):
            return a * b
        zero = SpecificationError(f"division by zero in {SIGNS[type(op)]!r}", line)
        self.require(negation(equal(b, 0)), path, zero)
        return self._divided(isinstance(op, ast.FloorDiv), a, b, path)

    def _divided(self, quotient: bool, a: Value, b: Value, path: Path) -> Value:
        """Floor division or its remainder. Z3 rounds so that the remainder is never negative; Python rounds down."""
        if isinstance(b, int) and (b == 0 or isinstance(a, int)):  # 0 is left on a way that nothing takes
            return 0 if b == 0 else a // b if quotient else a % b
        if isinstance(a, int):
            a = z3.IntVal(a)

        def upward() -> Value:
            return a / b if quotient else a % b

        def downward() -> Value:
            return -a / -b if quotient else -(-a % -b)

        if isinstance(b, int):
            return upward() if b > 0 else downward()
        above, below = self.split(path, b > 0)
        if above and below:
            return z3.If(b > 0, upward(), downward())
        return upward() if above else downward()

    def _call(self, node: ast.Call, path: Path) -> Value:
        callee = path.function.globals[node.func.id]
        values = [self.evaluate(argument, path) for argument in [*node.args, *(k.value for k in node.keywords)]]
        if isinstance(callee, Builtin):
            return self._builtin(callee.name, [self._number(x, path, callee.name, node.lineno) for x in values])
        values = [values[i] for i in argument_order(node, callee.name, callee.parameters)]
        if isinstance(callee, Specified):
            return self.specified(callee, values, path, node.lineno)
        return self.call(callee, values, path)

    def _builtin(self, name: str, numbers: list[Value]) -> Value:
        first, *others = map(as_int, numbers)
        if name == "abs":
            return merged([(first >= 0, first), (negation(first >= 0), -first)])
        for other in others:
            takes_over = other < first if name == "min" else other > first
            first = merged([(takes_over, other), (negation(takes_over), first)])
        return first
