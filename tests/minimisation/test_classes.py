"""Partitions, and the piecewise functions they are cut from, against plain evaluation."""

import random

import pytest
import z3

from course_lib.minimisation.classes import Partition, Run, partition_of_function
from course_lib.minimisation.deadline import Deadline
from course_lib.minimisation.errors import Undecided
from course_lib.minimisation.piecewise import (
    UNKNOWN,
    Evaluator,
    Piece,
    TooManyPieces,
    compare,
    constant,
    divide,
    identity,
)


def test_runs_are_maximal_and_classes_in_order_of_their_smallest_values():
    partition = Partition.of_runs([(0, 1, "b"), (2, 2, "a"), (3, 4, "a"), (5, 9, "b")])
    assert partition.runs == (Run(0, 1, 0), Run(2, 4, 1), Run(5, 9, 0))
    assert partition.classes == [[(0, 1), (5, 9)], [(2, 4)]]
    assert (partition.representatives, partition.sizes, partition.cuts()) == ([0, 2], [7, 3], [2, 5])
    assert [partition.label(x) for x in (0, 1, 2, 4, 5, 9)] == [0, 0, 1, 1, 0, 0]


def test_false_comes_before_true():
    partition = Partition.of_labels([0, 1], ["x", "y"], is_bool=True)
    assert partition.classes == [[(False, False)], [(True, True)]]
    assert all(type(r) is bool for r in partition.representatives)
    assert Partition.of_labels([0, 1], ["x", "x"], is_bool=True).classes == [[(False, True)]]


@pytest.mark.parametrize("seed", range(30))
def test_a_refinement_keeps_together_what_both_keep_together(seed):
    generator = random.Random(seed)
    labels = [[generator.randrange(3) for _ in range(30)] for _ in range(2)]
    one, other = (Partition.of_labels(range(30), part) for part in labels)
    pairs = Partition.of_labels(range(30), zip(*labels, strict=True))
    assert one.refined(other) == pairs


def random_term(generator, x, depth):
    """A term over x in which every operation the library emits occurs, and a function that evaluates it."""
    if depth == 0:
        n = generator.randint(-9, 9)
        return generator.choice([(x, lambda v: v), (z3.IntVal(n), lambda v: n)])
    (a, f), (b, g) = random_term(generator, x, depth - 1), random_term(generator, x, depth - 1)
    n = generator.choice([2, 3, 5, 7, -2, -3])
    form = generator.choice(["add", "subtract", "scale", "divide", "remainder", "choose", "choose", "negate"])
    if form == "add":
        return a + b, lambda v: f(v) + g(v)
    if form == "subtract":
        return a - b, lambda v: f(v) - g(v)
    if form == "scale":
        return n * a, lambda v: n * f(v)
    if form == "negate":
        return -a, lambda v: -f(v)
    if form == "remainder":
        return a % n, lambda v: f(v) % abs(n)
    if form == "divide":
        return a / n, lambda v: (f(v) - f(v) % abs(n)) // n
    test, holds = random_test(generator, (a, f), (b, g))
    return z3.If(test, a, b), lambda v: f(v) if holds(v) else g(v)


def random_test(generator, left, right):
    (a, f), (b, g) = left, right
    options = [
        (a < b, lambda v: f(v) < g(v)),
        (a <= b, lambda v: f(v) <= g(v)),
        (a == b, lambda v: f(v) == g(v)),
        (a != b, lambda v: f(v) != g(v)),
        (z3.And(a > 0, z3.Not(b > 3)), lambda v: f(v) > 0 and not g(v) > 3),
        (z3.Or(a % 3 == 0, b >= 2), lambda v: f(v) % 3 == 0 or g(v) >= 2),
        (z3.Implies(a > b, a % 2 == 1), lambda v: f(v) <= g(v) or f(v) % 2 == 1),
        (z3.Xor(a > 0, b > 0), lambda v: (f(v) > 0) != (g(v) > 0)),
    ]
    return generator.choice(options)


def value_at(function, x):
    piece = next(p for p in function if p.first <= x <= p.last)
    entry = piece.entries[x % len(piece.entries)]
    return entry if isinstance(entry, bool) else entry[0] * x + entry[1]


@pytest.mark.parametrize("seed", range(150))
def test_random_terms_are_evaluated_exactly(seed):
    generator = random.Random(seed)
    x = z3.Int("x")
    first = generator.randint(-40, 10)
    last = first + generator.randint(0, 60)
    term, true = random_term(generator, x, 3)
    function = Evaluator({"x": identity(first, last)}, first, last)(term)
    assert function[0].first == first and function[-1].last == last
    assert [p.first for p in function[1:]] == [p.last + 1 for p in function[:-1]]
    assert [value_at(function, v) for v in range(first, last + 1)] == [true(v) for v in range(first, last + 1)]


def test_what_is_not_linear_is_unknown_where_it_occurs_and_nowhere_else():
    x = z3.Int("x")
    evaluate = Evaluator({"x": identity(0, 99)}, 0, 99)
    function = evaluate(z3.If(x < 50, x * x, 7))
    assert [p.entries for p in function] == [(UNKNOWN,), ((0, 7),)]
    assert evaluate(z3.If(x < 50, x * x, 7) * 0) == constant(0, 0, 99)
    assert evaluate(z3.And(x < 0, x * x > 9)) == constant(False, 0, 99)
    assert evaluate(z3.Or(x >= 0, x * x > 9)) == constant(True, 0, 99)
    assert evaluate(z3.Int("y") + x)[0].entries == (UNKNOWN,)
    assert evaluate(10 / (x - x))[0].entries == (UNKNOWN,)


def test_a_large_domain_takes_no_longer():
    x = z3.Int("x")
    function = Evaluator({"x": identity(0, 10**15)}, 0, 10**15)(z3.If(x % 7 < 3, z3.IntVal(1), z3.IntVal(0)))
    assert function == [Piece(0, 10**15, ((0, 1),) * 3 + ((0, 0),) * 4)]


def test_too_many_residues_are_given_up():
    x = z3.Int("x")
    with pytest.raises(TooManyPieces):
        Evaluator({"x": identity(0, 10**9)}, 0, 10**9)((x % 1009) + (x % 1013))


def test_deep_terms_do_not_overflow_the_stack():
    x = z3.Int("x")
    term = x
    for i in range(1500):
        term = z3.If(x == i, i + 1, term)
    function = Evaluator({"x": identity(6000, 6001)}, 6000, 6001)(term)
    assert function == identity(6000, 6001)


@pytest.mark.parametrize("seed", range(40))
def test_level_sets_of_repeating_functions(seed):
    generator = random.Random(seed)
    first = generator.randint(-20, 20)
    pieces, keys = [], []
    for _ in range(generator.randint(1, 3)):
        last, period = first + generator.randint(0, 25), generator.randint(1, 6)
        entries = tuple(((generator.choice([0, 0, 0, 1]), generator.randint(0, 2)),) for _ in range(period))
        pieces.append(Piece(first, last, entries))
        keys += [entries[x % period][0][0] * x + entries[x % period][0][1] for x in range(first, last + 1)]
        first = last + 1
    start = pieces[0].first
    expected = Partition.of_labels(range(start, start + len(keys)), keys)
    assert partition_of_function(pieces, "the classes of x", Deadline()) == expected


def test_more_values_than_can_be_listed_are_refused():
    with pytest.raises(Undecided, match="1,000,001 runs or values"):
        partition_of_function([Piece(0, 10**6, (((1, 0),),))], "the classes of x", Deadline())


def test_a_comparison_of_many_residues_takes_no_more_steps_than_there_are_values():
    """Each of the 10,000 residues of x * 3 // 10000 has its own root, all of them close together."""
    scaled = divide([Piece(0, 99_999, ((3, 0),))], constant(10_000, 0, 99_999), remainder=False)
    looked = []
    assert compare(scaled, constant(7, 0, 99_999), lambda d: looked.append(d) or d < 0) == [
        Piece(0, 23_333, (True,)),
        Piece(23_334, 99_999, (False,)),
    ]
    assert len(looked) < 3 * 10_000
