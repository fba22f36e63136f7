"""The part of Python that is modelled; all the rest is refused by line and name before anything runs."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from course_lib.minimisation.errors import UnsupportedConstruct

SUPPORTED = (
    ast.Assign, ast.AugAssign, ast.AnnAssign, ast.If, ast.For, ast.While, ast.Return, ast.Assert, ast.Pass, ast.Expr,
    ast.Break, ast.Continue,
    ast.Constant, ast.Name, ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.IfExp, ast.Call, ast.Tuple,
)  # fmt: skip
OPERATORS = (
    ast.Add, ast.Sub, ast.Mult, ast.FloorDiv, ast.Mod, ast.UAdd, ast.USub, ast.Not,
    ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq,
)  # fmt: skip
SPELLING = {
    ast.Div: "/", ast.Pow: "**", ast.MatMult: "@", ast.LShift: "<<", ast.RShift: ">>", ast.BitAnd: "&",
    ast.BitOr: "|", ast.BitXor: "^", ast.Invert: "~", ast.Is: "is", ast.IsNot: "is not", ast.In: "in",
    ast.NotIn: "not in", ast.FunctionDef: "nested function", ast.ClassDef: "class", ast.Delete: "del",
    ast.AsyncFunctionDef: "async", ast.AsyncFor: "async", ast.AsyncWith: "async", ast.Await: "await",
    ast.YieldFrom: "yield", ast.ImportFrom: "import", ast.NamedExpr: ":=", ast.Starred: "*",
    ast.JoinedStr: "f-string", ast.ListComp: "comprehension", ast.SetComp: "comprehension",
    ast.DictComp: "comprehension", ast.GeneratorExp: "comprehension",
}  # fmt: skip
BINDING = (ast.NamedExpr, ast.Yield, ast.YieldFrom, ast.Await)  # these mean something wherever they stand
NOT_RUN = ("annotation", "returns", "type_params", "type_comment", "msg")
BUILTINS = ("abs", "min", "max", "range")


def refused(node: ast.AST, construct: str, why: str = "") -> UnsupportedConstruct:
    """The error for a node; the message quotes its source where that is short.

    Parameters
    ----------
    node : what is refused.
    construct : its name in the message, as Python writes it.
    why : what to do instead, or nothing.

    Examples
    --------
    >>> print(refused(ast.parse("n / 2").body[0].value, "/", "use //"))
    line 1: '/' is not supported (n / 2); use //
    """
    text = ast.unparse(node) if isinstance(node, ast.expr) else ""
    quoted = f" ({text})" if text and len(text) <= 60 and text != construct else ""
    reason = f"{construct!r} is not supported{quoted}{'; ' + why if why else ''}"
    return UnsupportedConstruct(reason, getattr(node, "lineno", None), construct)


def _children(node: ast.AST) -> Iterator[ast.AST]:
    """The parts of a node that run: all but annotations and the messages of asserts."""
    for name, value in ast.iter_fields(node):
        if name not in NOT_RUN:
            yield from (part for part in (value if isinstance(value, list) else [value]) if isinstance(part, ast.AST))


def walk(*nodes: ast.AST) -> Iterator[ast.AST]:
    """All nodes below that run, and the given ones, without recursion.

    Examples
    --------
    >>> [type(node).__name__ for node in walk(ast.parse("x: int = 1").body[0])]  # the annotation is left out
    ['AnnAssign', 'Constant', 'Name', 'Store']
    """
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(_children(node))


def stored_names(*nodes: ast.AST) -> set[str]:
    """Names that the nodes assign.

    Examples
    --------
    >>> sorted(stored_names(*ast.parse("a, b = c, 1\\nfor i in d: pass").body))
    ['a', 'b', 'i']
    """
    return {n.id for n in walk(*nodes) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}


def parameters(function: ast.FunctionDef) -> tuple[str, ...]:
    """The names of a function's parameters; refuses all but plain ones.

    Raises
    ------
    UnsupportedConstruct
        for a default, a star, or a parameter that is keyword-only or positional-only.

    Examples
    --------
    >>> parameters(ast.parse("def f(a, b): return a").body[0])
    ('a', 'b')
    """
    given = function.args
    for part, construct in (
        ([given.vararg], "*args"),
        ([given.kwarg], "**kwargs"),
        ([*given.defaults, *(given.kw_defaults or [])], "default argument"),
        (given.kwonlyargs, "keyword-only parameter"),
        (given.posonlyargs, "positional-only parameter"),
    ):
        for node in part:
            if node is not None:
                raise UnsupportedConstruct(f"{construct!r} is not supported", node.lineno, construct)
    return tuple(argument.arg for argument in given.args)


def check(function: ast.FunctionDef) -> None:
    """Refuse the first construct of a function, by line, that is not modelled.

    Raises
    ------
    UnsupportedConstruct
        with the line and the construct.

    Examples
    --------
    >>> check(ast.parse("def f(a):\\n    import os\\n    return a ** 2").body[0])
    Traceback (most recent call last):
        ...
    course_lib.minimisation.errors.UnsupportedConstruct: line 2: 'import' is not supported
    """
    if function.decorator_list:
        raise refused(function.decorator_list[0], "decorator")
    parameters(function)
    faults = [fault for node in walk(*function.body) for fault in _faults(node)]
    if faults:
        raise min(faults, key=lambda fault: fault[:2])[2]


def _faults(node: ast.AST) -> Iterator[tuple[int, int, UnsupportedConstruct]]:
    for construct, why in _constructs(node):
        yield node.lineno, node.col_offset, refused(node, construct, why)


def _constructs(node: ast.AST) -> Iterator[tuple[str, str]]:
    """What a node itself, apart from its parts, has that is not modelled: (construct, hint)."""
    if isinstance(node, ast.stmt | ast.expr) and not isinstance(node, SUPPORTED):
        yield _spelled(node), ""
    for operator in _operators(node):
        if not isinstance(operator, OPERATORS):
            yield _spelled(operator), "use // for whole numbers" if isinstance(operator, ast.Div) else ""
    for part in (getattr(node, name, None) for name in NOT_RUN):
        if isinstance(part, ast.AST):
            yield from ((_spelled(inner), "") for inner in ast.walk(part) if isinstance(inner, BINDING))
    if isinstance(node, ast.Constant) and not isinstance(node.value, int | str | None):
        yield "..." if node.value is ... else f"{type(node.value).__name__} constant", ""
    elif isinstance(node, ast.For):
        yield from _for(node)
    elif isinstance(node, ast.While):
        if node.orelse:
            yield "while … else", ""
    elif isinstance(node, ast.AnnAssign):
        if not isinstance(node.target, ast.Name):
            yield _spelled(node.target), ""
    elif isinstance(node, ast.Call):
        yield from _call(node)


def _operators(node: ast.AST) -> list[ast.AST]:
    if isinstance(node, ast.BinOp | ast.AugAssign | ast.UnaryOp):
        return [node.op]
    return node.ops if isinstance(node, ast.Compare) else []


def _spelled(node: ast.AST) -> str:
    return SPELLING.get(type(node), type(node).__name__.removesuffix("Star").lower())


def _for(node: ast.For) -> Iterator[tuple[str, str]]:
    loops_over = node.iter
    counted = isinstance(loops_over, ast.Call) and isinstance(loops_over.func, ast.Name)
    if not counted or not isinstance(node.target, ast.Name):
        yield "for", "only 'for name in range(…)' is"
    if node.orelse:
        yield "for … else", ""


def _call(node: ast.Call) -> Iterator[tuple[str, str]]:
    if isinstance(node.func, ast.Attribute):
        yield "attribute call", ""
    elif not isinstance(node.func, ast.Name):
        yield "call of an expression", ""
    elif node.func.id in BUILTINS and node.keywords:
        yield f"{node.func.id} with keywords", ""
    if any(keyword.arg is None for keyword in node.keywords):
        yield "**", ""
