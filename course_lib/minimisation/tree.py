"""Γ as people write it, and the tree of the ways through a program."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING

import z3

from course_lib.minimisation.values import Choice, Value, as_formula

if TYPE_CHECKING:
    from course_lib.minimisation.characterisation import Characterisation, Leaf

MOST_PARTS, MOST_LEVELS = 120, 12  # of one term; what is longer or deeper is cut
SYMBOLS = {
    z3.Z3_OP_AND: ("∧", 2), z3.Z3_OP_OR: ("∨", 1), z3.Z3_OP_IMPLIES: ("⇒", 0),
    z3.Z3_OP_EQ: ("=", 4), z3.Z3_OP_DISTINCT: ("≠", 4), z3.Z3_OP_LT: ("<", 4), z3.Z3_OP_LE: ("≤", 4),
    z3.Z3_OP_GT: (">", 4), z3.Z3_OP_GE: ("≥", 4),
    z3.Z3_OP_ADD: ("+", 5), z3.Z3_OP_SUB: ("-", 5), z3.Z3_OP_MUL: ("·", 6), z3.Z3_OP_IDIV: ("div", 6),
    z3.Z3_OP_MOD: ("mod", 6),
}  # fmt: skip


def written(value: Value) -> str:
    """A value or condition in the notation of the course; a long one is cut at "…".

    Examples
    --------
    >>> s = z3.Int("s")
    >>> written(z3.And(s >= 0, z3.Not(z3.Or(s == 3, z3.Bool("b"))), s - (s + 1) != 2 * s))
    's ≥ 0 ∧ ¬(s = 3 ∨ b) ∧ s - (s + 1) ≠ 2·s'
    """
    parts_left, level = MOST_PARTS, 0

    def term(value: Value, outer: int) -> str:
        nonlocal parts_left, level
        parts_left -= 1
        if parts_left < 0 or level > MOST_LEVELS:
            return "…"
        level += 1
        text = inner_term(value, outer)
        level -= 1
        return text

    def inner_term(value: Value, outer: int) -> str:
        if isinstance(value, tuple):
            inner = ", ".join(term(part, 0) for part in value)
            return f"({inner}{',' if len(value) == 1 else ''})"
        if isinstance(value, Choice):
            return " or ".join(f"{term(case, 7)} if {term(as_formula(guard), 1)}" for guard, case in value.cases)
        if not isinstance(value, z3.ExprRef):
            return repr(value)
        return _expression(value, outer, term)

    return term(value, 0)


def _expression(value: z3.ExprRef, outer: int, term: Callable[[Value, int], str]) -> str:
    kind, parts = value.decl().kind(), value.children()
    if kind == z3.Z3_OP_NOT:
        return f"¬{term(parts[0], 8)}"
    if kind == z3.Z3_OP_UMINUS:
        return f"-{term(parts[0], 8)}"
    if kind == z3.Z3_OP_ITE:
        text, inner = " ".join(f"{w} {term(p, 1)}" for w, p in zip(("if", "then", "else"), parts, strict=True)), 0
    elif kind in SYMBOLS:
        symbol, inner = SYMBOLS[kind]
        # Comparisons do not nest, and the right side of a difference or quotient is bracketed.
        first = inner + (inner == 4)
        later = inner + (symbol in ("-", "div", "mod") or inner == 4)
        sides = [term(part, later if i else first) for i, part in enumerate(parts)]
        text = ("·" if symbol == "·" else f" {symbol} ").join(sides)
    else:
        return str(value) if not parts else f"{value.decl().name()}({', '.join(term(p, 0) for p in parts)})"
    return f"({text})" if inner < outer else text


def _stated(leaf: Leaf) -> list[str]:
    """The store, as conjuncts: salary = s, benefits, ¬benefits."""
    stated = []
    for name, value in leaf.store.items():
        if isinstance(value, bool):
            stated.append(name if value else f"¬{name}")
        else:
            stated.append(f"{name} = {written(value)}")
    return stated


def _domain_text(gamma: Characterisation) -> list[str]:
    """The domains and the precondition, as conjuncts; a Boolean input needs none."""
    inputs = gamma.program.domains.items()
    ranges = [f"{d.first} ≤ {gamma.variables[name]} ≤ {d.last}" for name, d in inputs if not d.is_bool]
    return ranges + ([] if z3.is_true(gamma.precondition) else [written(gamma.precondition)])


def gamma_text(gamma: Characterisation) -> str:
    """Γ on one line, as in the paper.

    Examples
    --------
    >>> from course_lib.minimisation import characterise, program
    >>> print(gamma_text(characterise(program("def adult(age): return age >= 18", {"age": range(99)}))))
    0 ≤ a ≤ 98 ∧ age = a ∧ return = a ≥ 18
    """
    ways = []
    for leaf in gamma.leaves:
        result = [] if leaf.returned else [f"return = {written(leaf.result)}"]
        conditions = [f"({written(c)})" if z3.is_or(c) else written(c) for c in leaf.conditions]
        ways.append(" ∧ ".join([*conditions, *_stated(leaf), *result]))
    outcome = ways[0] if len(ways) == 1 else "(" + " ∨ ".join(f"({way})" for way in ways) + ")"
    return " ∧ ".join([*_domain_text(gamma), outcome])


@dataclass
class _Node:
    """A place in the tree: what led here, and what follows."""

    text: str
    children: dict[int, _Node] = field(default_factory=dict)


@dataclass(frozen=True, eq=False, repr=False)
class Tree:
    """The ways through a program: a branch for each condition, a leaf for each return (Figure 6).

    Parameters
    ----------
    gamma : the characterisation to show.

    Examples
    --------
    >>> from course_lib.minimisation import characterise, program
    >>> Tree(characterise(program("def sign(n):\\n if n < 0:\\n  return -1\\n return 1", {"n": range(-9, 9)})))
    sign(n = n₀), -9 ≤ n₀ ≤ 8
    ├─ n₀ < 0
    │  └─ n = n₀, returns -1
    └─ n₀ ≥ 0
       └─ n = n₀, returns 1
    """

    gamma: Characterisation

    def _root(self) -> _Node:
        inputs = ", ".join(f"{name} = {variable}" for name, variable in self.gamma.variables.items())
        root = _Node(", ".join([f"{self.gamma.program.name}({inputs})", *_domain_text(self.gamma)]))
        for leaf in self.gamma.leaves:
            node = root
            for condition in leaf.conditions:
                node = node.children.setdefault(condition.get_id(), _Node(written(condition)))
            end = [" ∧ ".join(_stated(leaf)), f"returns {written(leaf.result)}"]
            node.children[id(leaf)] = _Node(", ".join(part for part in end if part))
        return root

    def _rows(self) -> list[tuple[int, str, int, str]]:
        """Node by node from the top: depth, text, the row of its parent, and the branches drawn before it."""
        rows: list[tuple[int, str, int, str]] = []
        waiting = [(self._root(), 0, 0, "", "")]
        while waiting:
            node, depth, parent, before, below = waiting.pop()
            row = len(rows)
            rows.append((depth, node.text, parent, before))
            children = list(node.children.values())
            for i, child in reversed(list(enumerate(children))):
                last = i == len(children) - 1
                waiting.append(
                    (child, depth + 1, row, below + ("└─ " if last else "├─ "), below + ("   " if last else "│  "))
                )
        return rows

    def __repr__(self) -> str:
        return "\n".join(before + text for _, text, _, before in self._rows())

    def _repr_html_(self) -> str:
        """The same tree drawn: one line a node, indented by its depth, in the colours of the page."""
        rows, high, wide = self._rows(), 26, 28
        drawn = []
        for row, (depth, text, parent, _) in enumerate(rows):
            x, y = 12 + wide * depth, high * row + 18
            if row:
                top = high * parent + 18 + 8
                drawn.append(f'<path d="M{x - wide + 6} {top}V{y - 4}H{x - 4}" fill="none" stroke="currentColor"/>')
            drawn.append(f'<text x="{x}" y="{y}" fill="currentColor">{escape(text)}</text>')
        width = max(12 + wide * depth + 8 * len(text) for depth, text, _, _ in rows) + 12
        name = escape(f"Ways through {self.gamma.program.name}: {len(self.gamma.leaves)} leaves")
        return (
            f'<div style="overflow-x: auto" tabindex="0"><svg role="img" aria-label="{name}" width="{width}" '
            f'height="{high * len(rows) + 8}" font-family="monospace" font-size="13">{"".join(drawn)}</svg></div>'
        )
