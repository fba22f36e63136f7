"""A timeout holds in the loops that ask no solver, too."""

import time

import pytest
import z3

from course_lib.minimisation import best_distributed, best_monolithic, discloses_no_more, program, verify
from course_lib.minimisation.behaviour import Behaviour
from course_lib.minimisation.characterisation import characterise
from course_lib.minimisation.classes import Partition, partition_of_function
from course_lib.minimisation.concrete_leg import compare as compare_runs
from course_lib.minimisation.copies import Gamma
from course_lib.minimisation.deadline import Deadline
from course_lib.minimisation.errors import Undecided
from course_lib.minimisation.exhaustive import Table
from course_lib.minimisation.figure7 import _partition
from course_lib.minimisation.piecewise import Evaluator, Piece, compare, constant, divide, identity, pointwise
from course_lib.minimisation.separation import groups
from course_lib.minimisation.signatures import cut_by

X = identity(0, 99_999)
SQUARE = program("def f(x): return x * x", {"x": range(100)})


def expired():
    deadline = Deadline(1)
    deadline._start -= 2
    return deadline


def late_table():
    table = Table(SQUARE, Deadline(60))
    table.deadline._start -= 100
    return table


LOOPS = {
    "pointwise": lambda late: pointwise(lambda a: a, X, deadline=late),
    "compare": lambda late: compare(X, constant(5, 0, 99_999), bool, late),
    "divide": lambda late: divide(X, constant(5, 0, 99_999), False, late),
    "evaluate": lambda late: Evaluator({"x": X}, 0, 99_999, late)(z3.Int("x") + 1),
    "refine": lambda late: Partition.of_labels(range(4), [0, 0, 1, 1]).refined(
        Partition.of_labels(range(4), [0, 1, 1, 1]), late
    ),
    "level sets": lambda late: partition_of_function([Piece(0, 9, (((1, 0),),))], "the classes", late),
    "signatures": lambda late: cut_by(Gamma.of(characterise(SQUARE)), "x", [{}], late),
    "runs of Fig. 7": lambda late: _partition(Gamma.of(characterise(SQUARE)), "x", [z3.Int("x₀") * 0 >= 0], late),
    "all runs": lambda late: Table(SQUARE, late),
    "classes of all runs": lambda late: late_table().classes("x"),
    "groups": lambda late: groups(Behaviour(SQUARE), "x", range(9), [{}], late),
    "runs against the source": lambda late: compare_runs(SQUARE, {"x": None}, {}, {}, late),
}


@pytest.mark.parametrize("name", LOOPS)
def test_a_loop_that_asks_no_solver_looks_at_the_clock(name):
    with pytest.raises(Undecided, match="undecided after"):
        LOOPS[name](expired())


FIFTY = [f"x{i}" for i in range(50)]
HEAVY = {
    "many inputs": (
        f"def f({', '.join(FIFTY)}): return " + " + ".join(f"{x} // {i + 2}" for i, x in enumerate(FIFTY)),
        {x: range(10_000) for x in FIFTY},
    ),
    "a scaled remainder": ("def f(x): return x * 3 // 10000", {"x": range(10_000)}),
    "many residues": ("def f(x): return x % 97 * 3 + x % 1009 // 7", {"x": range(10**6)}),
    "many runs": ("def f(x): return x * x % 9973 * 31 % 7", {"x": range(100_000)}),
    "many classes": ("def f(x, y): return x + y", {"x": range(10**6), "y": range(10**6)}),
}


@pytest.mark.parametrize("name", HEAVY)
def test_no_method_runs_on_when_the_time_is_up(name):
    p = program(*HEAVY[name])
    verdicts = {
        **{m: lambda m=m: best_distributed(p, m, timeout=0.5) for m in ("witness", "figure7", "exhaustive")},
        "monolithic": lambda: best_monolithic(p, timeout=0.5),
        "order": lambda: discloses_no_more(p, p, timeout=0.5),
    }
    for method, ask in verdicts.items():
        start = time.process_time()
        found = ask()
        assert time.process_time() - start < 3 * 0.5, method
        if getattr(found, "status", None) == "best":
            start = time.process_time()
            verify(p, found, timeout=0.5)
            assert time.process_time() - start < 3 * 0.5, f"verify after {method}"
