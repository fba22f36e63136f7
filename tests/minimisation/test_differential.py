"""Four ways to run a program have to agree: Python itself, Program.run, Γ from the tree, Γ from tracing."""

import importlib.util
from itertools import product

import pytest
import z3
from random_programs import random_program
from tracing import Engine

from course_lib.minimisation.characterisation import characterise
from course_lib.minimisation.errors import EmptyDomain
from course_lib.minimisation.program import program
from course_lib.minimisation.values import ILLEGAL, concrete, merged, same

MOST_POINTS = 32


def imported(text, folder, name):
    """The module that a text makes, imported from a file."""
    path = folder / f"{name}.py"
    path.write_text(text)
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def model_of(point, variables):
    """The model in which the inputs have these values."""
    solver = z3.SimpleSolver()
    solver.add([variable == point[name] for name, variable in variables.items()])
    assert solver.check() == z3.sat
    return solver.model()


def result_of(function, point):
    """What Python gives; the generator's only asserts are leading ones."""
    try:
        return function(**point)
    except AssertionError:
        return ILLEGAL


def disagreements(text, domains, folder, name):
    """Whatever disagrees on a program, as text; empty if all is well."""
    function = imported(text, folder, name).entry
    read = program(function, domains)
    points = list(product(*(domain.values() for domain in read.domains.values())))
    try:
        gamma = characterise(read)
    except EmptyDomain:
        return [point for point in points if result_of(function, dict(zip(domains, point, strict=True))) != ILLEGAL]
    found, results = [], {}
    for values in points[:: max(1, len(points) // MOST_POINTS)]:
        point = dict(zip(domains, values, strict=True))
        true = result_of(function, point)
        if (run := read.run(**point)) != true:
            found.append(f"{point}: Python {true!r}, Program.run {run!r}")
        model = model_of(point, gamma.variables)
        if concrete(gamma.precondition, model) is (true is ILLEGAL):
            found.append(f"{point}: Python {true!r}, and the precondition says otherwise")
        if true is ILLEGAL:
            continue
        results[tuple(point.items())] = true, model
        taken = [leaf for leaf in gamma.leaves if concrete(leaf.path_condition, model)]
        at_leaves = [concrete(leaf.result, model) for leaf in taken]
        if at_leaves != [true]:
            found.append(f"{point}: Python {true!r}, leaves {at_leaves!r}")
        if (whole := concrete(gamma.result, model)) != true:
            found.append(f"{point}: Python {true!r}, Γ {whole!r}")
    legal = z3.And(gamma.domain, gamma.precondition)
    traced = merged(Engine(legal).trace(function, gamma.variables))
    solver = z3.SimpleSolver()
    solver.set("timeout", 3000)
    solver.set("arith.nl.grobner", False)  # no timeout ends the search for a Gröbner basis
    solver.add(legal, z3.Not(same(gamma.result, traced)))
    answer = solver.check()
    if answer == z3.sat:
        found.append(f"tree against tracing: {solver.model()}")
    for point, (true, model) in results.items() if answer == z3.unknown else ():
        if (whole := concrete(traced, model)) != true:
            found.append(f"{point}: Python {true!r}, tracing {whole!r}")
    return found


@pytest.mark.parametrize("ten", range(10))
def test_random_programs(ten, tmp_path):
    for seed in range(10 * ten, 10 * ten + 10):
        text, domains = random_program(seed)
        assert disagreements(text, domains, tmp_path, f"program{seed}") == [], f"seed {seed}\n{text}"


@pytest.mark.slow
@pytest.mark.parametrize("twenty", range(25))
def test_five_hundred_random_programs(twenty, tmp_path):
    for seed in range(1000 + 20 * twenty, 1020 + 20 * twenty):
        text, domains = random_program(seed)
        assert disagreements(text, domains, tmp_path, f"program{seed}") == [], f"seed {seed}\n{text}"
