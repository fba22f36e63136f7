"""Formulas as people write them: brackets where they are needed, and only there."""

import itertools
import random

import pytest
import z3

from course_lib.minimisation.tree import written

X, Y, A, B, C = z3.Int("x"), z3.Int("y"), z3.Bool("a"), z3.Bool("b"), z3.Bool("c")
PYTHON = {
    "∧": "and", "∨": "or", "¬": "not ", " = ": " == ", "≠": "!=", "≤": "<=", "≥": ">=",
    "·": "*", "div": "//", "mod": "%",
}  # fmt: skip


def number(draw, depth):
    if depth == 0:
        return draw.choice([X, Y, z3.IntVal(draw.randint(1, 4))])
    left, right = number(draw, depth - 1), number(draw, depth - 1)
    divisor = draw.randint(2, 4)
    return draw.choice([left + right, left - right, left * right, left / divisor, left % divisor])


def condition(draw, depth):
    if depth == 0:
        return draw.choice([A, B])
    if draw.random() < 0.4:
        left, right = number(draw, depth - 1), number(draw, depth - 1)
        return draw.choice([left == right, left != right, left < right, left <= right, left > right, left >= right])
    left, right = condition(draw, depth - 1), condition(draw, depth - 1)
    return draw.choice([z3.And(left, right), z3.Or(left, right), z3.Not(left)])


@pytest.mark.parametrize("seed", range(40))
def test_what_is_written_means_the_same_to_python(seed):
    formula = condition(random.Random(seed), 3)
    text = written(formula)
    for symbol, word in PYTHON.items():
        text = text.replace(symbol, word)
    code = compile(text, "formula", "eval")
    for x, y, a, b in itertools.product([-3, 0, 2], [-1, 1, 5], [False, True], [False, True]):
        point = [(X, z3.IntVal(x)), (Y, z3.IntVal(y)), (A, z3.BoolVal(a)), (B, z3.BoolVal(b))]
        meant = z3.is_true(z3.simplify(z3.substitute(formula, *point)))
        assert eval(code, {"x": x, "y": y, "a": a, "b": b, "True": True, "False": False}) == meant, text


@pytest.mark.parametrize(
    ("formula", "text"),
    [
        (z3.Implies(A, z3.Or(B, C)), "a ⇒ b ∨ c"),
        (z3.Or(A, z3.Implies(B, C)), "a ∨ (b ⇒ c)"),
        (z3.Not(z3.Or(B, C)) == A, "¬(b ∨ c) = a"),
        ((A == B) == C, "(a = b) = c"),
        (z3.Not(z3.Implies(A, B)), "¬(a ⇒ b)"),
        (z3.Or(A, z3.And(B, C)), "a ∨ b ∧ c"),
        (z3.And(A, z3.Or(B, C)), "a ∧ (b ∨ c)"),
        (X - (Y - 1), "x - (y - 1)"),
        ((X - Y) - 1, "x - y - 1"),
        ((X + Y) * 2 == 6, "(x + y)·2 = 6"),
        (z3.If(A, X, Y) + 1, "(if a then x else y) + 1"),
        (z3.If(z3.And(A, B), X + 1, Y), "if a ∧ b then x + 1 else y"),
        (-(X + 1), "-(x + 1)"),
    ],
)
def test_brackets_stand_where_they_are_needed(formula, text):
    assert written(formula) == text


def test_what_is_long_is_cut():
    assert "…" in written(z3.Sum([X * i for i in range(2, 200)]))
    deep = X
    for _ in range(30):
        deep = z3.If(A, Y, deep)
    assert "…" in written(deep) and len(written(deep)) < 600
