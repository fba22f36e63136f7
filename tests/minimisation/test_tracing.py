"""The tracing engine: right where a program looks at its inputs only, silently wrong where it looks past them."""

import ast

import pytest
import z3
from random_programs import random_program
from test_differential import disagreements
from tracing import Engine

from course_lib.minimisation import examples, expressions, interpreter
from course_lib.minimisation.characterisation import characterise
from course_lib.minimisation.errors import UnsupportedConstruct
from course_lib.minimisation.program import program
from course_lib.minimisation.values import merged, same

CALLS = 0


def traced(function, variables, domain):
    return merged(Engine(domain).trace(function, variables))


@pytest.mark.parametrize("name", sorted(set(examples.DOMAINS) - {"loyalty_invariant", "loyalty_weak"}))
def test_it_agrees_on_the_worked_programs(name):
    function = getattr(examples, name)
    gamma = characterise(program(function, examples.DOMAINS[name]))
    solver = z3.Solver()
    solver.add(gamma.domain, z3.Not(same(gamma.result, traced(function, gamma.variables, gamma.domain))))
    assert solver.check() == z3.unsat


def test_its_ways_part_the_inputs():
    x = z3.Int("x")
    domain = z3.And(x >= 0, x <= 100)
    conditions = [condition for condition, _ in Engine(domain).trace(examples.loyalty, {"flights": x})]
    solver = z3.Solver()
    solver.add(domain, z3.Or(z3.Not(z3.Or(conditions)), z3.AtLeast(*conditions, 2)))
    assert solver.check() == z3.unsat


def looks_at_its_type(x):
    return x + 1 if type(x) is int else 0


def remembers(x):
    global CALLS
    CALLS += 1
    return x if CALLS == 1 else 0


@pytest.mark.parametrize("function", [looks_at_its_type, remembers])
def test_it_lies_where_a_program_looks_past_its_inputs_and_the_tree_refuses(function):
    x = z3.Int("x")
    claimed = traced(function, {"x": x}, z3.And(x >= 0, x < 10))
    solver = z3.Solver()
    solver.add(x == 5, same(claimed, function(5)))
    assert solver.check() == z3.unsat
    with pytest.raises(UnsupportedConstruct):
        program(function, {"x": range(10)})


def test_the_random_programs_hold_every_construct():
    wanted = {
        ast.If, ast.For, ast.While, ast.IfExp, ast.BoolOp, ast.AugAssign, ast.Tuple, ast.Break, ast.Continue,
        ast.Return, ast.Assert, ast.FloorDiv, ast.Mod, ast.Mult, ast.Add, ast.Sub, ast.And, ast.Or, ast.Not, ast.USub,
        ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq,
    }  # fmt: skip
    names = {"abs", "min", "max", "range", "helper0", "helper1"}
    for seed in range(100):
        for node in ast.walk(ast.parse(random_program(seed)[0])):
            wanted.discard(type(node))
            names -= {node.id} if isinstance(node, ast.Name) else set()
    assert wanted == set() and names == set()
    assert random_program(3) == random_program(3) != random_program(4)


@pytest.mark.parametrize("engine", ["tree", "interpreter"])
def test_a_planted_fault_is_found(engine, monkeypatch, tmp_path):
    text, domains = "def entry(x):\n return x // -3\n", {"x": range(-5, 6)}
    assert disagreements(text, domains, tmp_path, "whole") == []
    if engine == "interpreter":  # C's division
        monkeypatch.setitem(interpreter.ARITHMETIC, ast.FloorDiv, ("//", lambda a, b: int(a / b)))
    else:  # Z3's
        monkeypatch.setattr(expressions.Expressions, "_divided", lambda self, quotient, a, b, path: a / b)
    assert disagreements(text, domains, tmp_path, "faulty") != []
