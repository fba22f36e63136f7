"""Values that depend on unknown inputs, against plain Python."""

from itertools import product

import pytest
import z3

from course_lib.minimisation.domains import Domain
from course_lib.minimisation.errors import UnsupportedConstruct, WeakInvariant
from course_lib.minimisation.tree import written
from course_lib.minimisation.values import Choice, concrete, equal, merged, negation, same, substituted, truth

X, B = z3.Int("x"), z3.Bool("b")
PLAIN = [0, 1, 2, -1, True, False, None, "", "a", (), (0,), (1, "a"), (True, "a")]


def model(x, b):
    solver = z3.SimpleSolver()
    solver.add(x == X, b == B)
    solver.check()
    return solver.model()


@pytest.mark.parametrize(("a", "b"), list(product(PLAIN, repeat=2)))
def test_equality_of_known_values_is_pythons(a, b):
    assert equal(a, b) is (a == b)
    assert z3.is_true(same(a, b)) is (a == b)


@pytest.mark.parametrize("value", PLAIN)
def test_truth_of_known_values_is_pythons(value):
    assert truth(value) is bool(value)


@pytest.mark.parametrize(("first", "second"), list(product(PLAIN + [X, B, X + 1], repeat=2)))
def test_merged_values_are_one_of_their_cases(first, second):
    value = merged([(X > 0, first), (X <= 0, second)])
    for x, b in product((-1, 0, 1), (False, True)):
        here = model(x, b)
        expected = concrete(first if x > 0 else second, here)
        assert concrete(value, here) == expected
        assert concrete(truth(value), here) is bool(expected)
        for other in PLAIN:
            assert concrete(same(value, other), here) is (expected == other)


def test_merged_numbers_are_one_term_and_merged_kinds_a_choice():
    assert str(merged([(X > 0, X), (X <= 0, True)])) == "If(x > 0, x, 1)"
    assert merged([(X > 0, "a"), (X <= 0, "a")]) == "a"
    assert merged([(X > 0, (1, X)), (X <= 0, (1, X))]) == (1, X)
    mixed = merged([(X > 2, None), (X == 2, 5), (X < 2, X)])
    assert isinstance(mixed, Choice) and len(mixed.cases) == 2
    nested = merged([(B, mixed), (z3.Not(B), "none")])
    points = ((3, True), (2, True), (0, True), (0, False))
    assert [concrete(nested, model(x, b)) for x, b in points] == [None, 5, 0, "none"]


CONDITIONS = [X < 3, X <= 3, X > 3, X >= 3, X == 3, X != 3, B, z3.Not(B), z3.And(B, X > 1), True, False]


@pytest.mark.parametrize("condition", CONDITIONS)
def test_negation_is_the_opposite(condition):
    for x, b in product((2, 3, 4), (False, True)):
        assert concrete(negation(condition), model(x, b)) is not concrete(condition, model(x, b))


def test_substituted_values():
    value = Choice(((B, X + 1), (z3.Not(B), ("a", X))))
    there = substituted(value, [(X, z3.IntVal(7)), (B, z3.BoolVal(False))])
    assert concrete(there, model(0, True)) == ("a", 7)
    assert substituted("a", [(X, z3.IntVal(7))]) == "a"


@pytest.mark.parametrize(
    ("term", "text"),
    [
        (X - (X - 1), "x - (x - 1)"),
        ((X + 1) * 2, "(x + 1)·2"),
        (-(X + 1), "-(x + 1)"),
        (z3.Or(z3.And(B, X > 1), z3.Not(B)), "b ∧ x > 1 ∨ ¬b"),
        (z3.And(z3.Or(B, X > 1), X != 2), "(b ∨ x > 1) ∧ x ≠ 2"),
        (z3.If(B, X, 3) + 1, "(if b then x else 3) + 1"),
        (X / 3 % 2, "x div 3 mod 2"),
        ((X > 1) == B, "(x > 1) = b"),
        (z3.Implies(B, X == 1), "b ⇒ x = 1"),
        ((1, None, "a"), "(1, None, 'a')"),
        ((X,), "(x,)"),
        (Choice(((B, None), (z3.Not(B), X))), "None if b or x if ¬b"),
    ],
)
def test_terms_are_written_as_people_do(term, text):
    assert written(term) == text


def test_a_long_term_is_cut():
    term = X
    for _ in range(5000):
        term = z3.If(term > 0, term + 1, term - 1)
    assert "…" in written(term) and len(written(term)) < 5000


def test_members_of_a_domain():
    assert all(value in Domain(-1, 1) for value in (-1, 0, 1, True))
    assert not any(value in Domain(-1, 1) for value in (-2, 2, 1.0, "1", None))
    assert str(Domain(0, 9)) == "0..9" and str(Domain(0, 1, is_bool=True)) == "bool"


def test_an_error_takes_the_input_that_shows_it_once():
    error = UnsupportedConstruct("'/' is not supported", line=3, construct="/")
    shown = error.at({"x": 1})
    assert str(shown) == "line 3: '/' is not supported, for x=1"
    assert (type(shown), shown.line, shown.construct, shown.inputs) == (UnsupportedConstruct, 3, "/", {"x": 1})
    assert shown.at({"x": 2}) is shown
    assert isinstance(WeakInvariant("open"), ValueError) and str(WeakInvariant("open")) == "open"
