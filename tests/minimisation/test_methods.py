"""The three methods against each other, against brute force, and against the clock."""

import importlib.util
import random
import time

import oracle
import pytest
import z3
from random_programs import random_program

from course_lib.minimisation import (
    EmptyDomain,
    LoopBound,
    SpecificationError,
    WeakInvariant,
    best_distributed,
    best_monolithic,
    examples,
    exhaustive,
    monolithic,
    program,
    signatures,
    verify,
)
from course_lib.minimisation.behaviour import Disagreement
from course_lib.minimisation.errors import Undecided


def function_of(seed, folder):
    text, domains = random_program(seed)
    path = folder / f"program_{seed}.py"
    path.write_text(text)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.entry, domains


PATIENCE = 600  # seconds of the clock: one program takes 13 seconds of a processor that may be busy


def disagreements(seed, folder, methods=("witness", "exhaustive")):
    """What the methods get wrong of a random program, as texts; empty if all is well."""
    function, domains = function_of(seed, folder)
    table = oracle.outputs(function, domains)
    p = program(function, domains)
    if set(table.values()) == {oracle.ILLEGAL}:
        with pytest.raises(EmptyDomain):
            best_distributed(p)
        return []
    expected = {name: oracle.classes(table, i) for i, name in enumerate(domains)}
    found = []
    for method in methods:
        dm = best_distributed(p, method, timeout=PATIENCE)
        if dm.status != "best":
            found.append(f"{method}: {dm.explain()}")
            continue
        got = {name: [oracle.expanded(c, domains[name] is bool) for c in dm[name].classes] for name in dm}
        if got != expected:
            found.append(f"{method}: {got} instead of {expected}")
    certificate = verify(p, dm, timeout=PATIENCE)
    if [certificate.correct, certificate.idempotent, certificate.best] != ["proved"] * 3:
        found.append(str(certificate))
    smallest = {}
    for values, output in table.items():
        if output != oracle.ILLEGAL:
            smallest.setdefault(oracle.repr_output(output), values)
    for method in ("exhaustive", "witness", "outputs"):
        m = best_monolithic(p, method, timeout=PATIENCE)
        if m.representatives != list(smallest.values()):
            found.append(f"monolithic by {method}: {m.representatives} instead of {list(smallest.values())}")
    return found


@pytest.mark.parametrize("seed", range(15))
def test_random_programs(seed, tmp_path):
    assert disagreements(seed, tmp_path) == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(15, 515))
def test_five_hundred_random_programs(seed, tmp_path):
    assert disagreements(seed, tmp_path) == []


def random_partition_program(generator, n, n_others):
    """A program whose classes of x are a random partition, seen through the values of a second input."""
    labels = [generator.randrange(generator.randint(1, n)) for _ in range(n)]
    codes = {label: [generator.randrange(3) for _ in range(n_others)] for label in set(labels)}
    lines = ["def f(x, w):"]
    for w in range(n_others):
        lines.append(f"    if w == {w}:")
        lines += [f"        if x == {x}: return {codes[label][w]}" for x, label in enumerate(labels)]
    keys = [tuple(codes[label]) for label in labels]
    expected = [[x for x in range(n) if keys[x] == key] for key in dict.fromkeys(keys)]
    return "\n".join([*lines, "    return 0"]), {"x": range(n), "w": range(n_others)}, expected


def check_partition(seed):
    generator = random.Random(seed)
    text, domains, expected = random_partition_program(generator, generator.randint(2, 8), generator.randint(1, 3))
    dm = best_distributed(program(text, domains), "witness")
    assert dm.status == "best"
    assert [oracle.expanded(runs) for runs in dm["x"].classes] == expected
    assert dm["x"].representatives == [c[0] for c in expected]


@pytest.mark.parametrize("seed", range(60))
def test_random_partitions(seed):
    check_partition(seed)


@pytest.mark.slow
@pytest.mark.parametrize("batch", range(48))
def test_thousands_of_random_partitions(batch):
    for seed in range(101 * batch, 101 * (batch + 1)):  # 4,848 of them
        check_partition(seed)


@pytest.mark.parametrize(
    ("text", "domains"),
    [
        ("def f(x, y): return x * y", {"x": range(-5, 6), "y": range(-3, 4)}),
        ("def f(x, y): return x * x - y * y > 3", {"x": range(-9, 10), "y": range(9)}),
        ("def f(x, y): return x // y", {"x": range(13), "y": range(1, 13)}),
        ("def f(x, y): return x // y if y != 0 else None", {"x": range(-9, 10), "y": range(-3, 4)}),
        ("def f(x, y): return x % y", {"x": range(-9, 10), "y": range(-7, 0)}),
        ("def f(x, y):\n    assert x < y\n    return (x + y) % 3", {"x": range(12), "y": range(12)}),
        ("def f(x):\n    assert x > 5\n    return x > 8", {"x": range(12)}),
        ("def f(x, b):\n    if b and x > 5: return None\n    return (x // 4, 'a') if x % 3 else 'b'",
         {"x": range(40), "b": bool}),
        ("def f(a, b):\n    if a: return b\n    return 1 if b else 0", {"a": bool, "b": bool}),
        ("def f(x, y): return max(min(x, 7), y) - abs(x - y)", {"x": range(-9, 20), "y": range(-4, 15)}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", ["witness", "exhaustive", "figure7"])
def test_programs_that_are_not_linear_or_not_numbers(text, domains, method):
    p = program(text, domains)
    dm = best_distributed(p, method, timeout=60)
    if method == "figure7" and dm.status == "incomplete":
        assert dm.reasons  # elimination may fail; it says so
        return
    table = oracle.outputs(lambda *values: p.result(values), domains)
    expected = {name: oracle.classes(table, i) for i, name in enumerate(domains)}
    assert {n: [oracle.expanded(c, domains[n] is bool) for c in dm[n].classes] for n in dm} == expected


# What is large


def test_a_thousand_million_values_are_cut_without_being_listed():
    text = "def f(x, y): return (x > 123456789) + 2 * (x + y > 1000000000)"
    p = program(text, {"x": range(10**9), "y": range(2)})
    dm = best_distributed(p)
    assert dm["x"].classes == [[(0, 123456789)], [(123456790, 999999999)]]
    assert dm["y"].classes == [[(0, 1)]]


def test_cuts_of_a_square_are_asked_for():
    text = "def f(x): return 0 if x * x < 1000 else 1 if x * (x - 7) < 10000000 else 2"
    p = program(text, {"x": range(-1_000_000, 1_000_000)})
    dm = best_distributed(p)
    outer, middle = [(-1_000_000, -3159), (3166, 999_999)], [(-3158, -32), (32, 3165)]
    assert dm["x"].classes == [outer, middle, [(-31, 31)]]
    assert verify(p, dm).correct == "proved"


def test_ten_inputs_of_a_hundred_thousand_values_take_less_than_two_seconds():
    names = [f"x{i}" for i in range(10)]
    lines = [f"    if {name} < {100 * (i + 1)}: points += 1" for i, name in enumerate(names)]
    text = "\n".join([f"def f({', '.join(names)}):", "    points = 0", *lines, "    return points"])
    p = program(text, {name: range(100_000) for name in names})
    start = time.process_time()
    dm = best_distributed(p)
    assert time.process_time() - start < 3 * 2  # CPU seconds, a busy machine's factor
    assert [dm[name].representatives for name in names] == [[0, 100 * (i + 1)] for i in range(10)]


def test_three_hundred_classes_take_less_than_three_seconds():
    generator = random.Random(0)
    cuts = sorted(generator.sample(range(1, 100_001), 299))
    lines = [f"    if x < {cut}: return {i}" for i, cut in enumerate(cuts)]
    p = program("\n".join(["def f(x):", *lines, "    return 299"]), {"x": range(100_001)})
    start = time.process_time()
    dm = best_distributed(p)
    assert time.process_time() - start < 3 * 3
    assert dm["x"].representatives == [0, *cuts]


# What stays open


def test_too_many_classes_are_incomplete_and_nothing_is_written(tmp_path):
    dm = best_distributed(program("def f(x): return x", {"x": range(10**9)}))
    assert dm.status == "incomplete"
    assert "1,000,000,000 runs or values" in dm.explain()
    with pytest.raises(KeyError, match="are not known"):
        dm["x"]
    with pytest.raises(ValueError, match="nothing is written"):
        dm.write(tmp_path / "out")
    assert not (tmp_path / "out").exists()


CUBES = "def f(x, y, z): return x * x * x + y * y * y + z * z * z == 42"


@pytest.mark.parametrize("method", ["witness", "figure7", "auto"])
def test_a_timeout_is_kept_and_named(method):
    p = program(CUBES, {name: range(-(10**5), 10**5) for name in "xyz"})
    start = time.process_time()
    dm = best_distributed(p, method, timeout=1)
    assert time.process_time() - start < 1.2
    assert dm.status == "incomplete"
    assert "undecided after" in dm.explain()
    assert set(dm.reasons) == set("xyz")


def test_a_timeout_stops_runs_too():
    p = program("def f(x, y): return x * y % 1000 < 500", {"x": range(1000), "y": range(1000)})
    start = time.process_time()
    dm = best_distributed(p, "exhaustive", timeout=0.2)
    assert time.process_time() - start < 3 * 0.2
    assert dm.status == "incomplete"
    start = time.process_time()
    assert best_monolithic(p, "exhaustive", timeout=0.2).status == "incomplete"
    assert time.process_time() - start < 3 * 0.2


def test_an_unknown_answer_is_incomplete(monkeypatch):
    p = program("def f(x, y): return x < y", {"x": range(10**5), "y": range(10**5)})
    check = z3.Solver.check

    def give_up(solver, *assumptions):
        return z3.unknown if "'" in solver.sexpr() else check(solver, *assumptions)

    monkeypatch.setattr(z3.Solver, "check", give_up)
    for method in ("witness", "figure7"):
        dm = best_distributed(p, method)
        assert dm.status == "incomplete"
        assert "undecided" in dm.explain()


def test_the_identity_is_a_fallback(tmp_path):
    p = program(CUBES, {name: range(-200, 200) for name in "xyz"})
    dm = best_distributed(p, "witness", timeout=0.3, fallback="identity")
    assert dm.status == "minimiser"
    assert dm({"x": 5, "y": -7, "z": 1}) == {"x": 5, "y": -7, "z": 1}
    assert "identity" in dm.explain()
    assert len(dm.write(tmp_path)) == 3


def test_small_programs_are_run_where_the_solver_gives_up_at_the_outset(monkeypatch):
    def gives_up(*_, **__):
        raise Undecided("a question")

    monkeypatch.setattr("course_lib.minimisation.distributed.characterise", gives_up)
    p = program("def f(a, b): return a or b", {"a": bool, "b": bool})
    assert best_distributed(p).status == "best"
    dm = best_distributed(p, "witness")
    assert (dm.status, dm.reasons) == ("incomplete", {"a": "a question", "b": "a question"})


# What is refused


@pytest.mark.parametrize("method", ["auto", "witness", "exhaustive", "figure7"])
def test_weak_invariants_are_refused_by_every_method(method):
    p = program(examples.loyalty_weak, examples.DOMAINS["loyalty_weak"])
    with pytest.raises(WeakInvariant) as caught:
        best_distributed(p, method)
    assert caught.value.line is not None
    with pytest.raises(WeakInvariant):
        best_monolithic(p)


def test_faults_of_a_program_are_raised_with_their_input():
    p = program("def f(x): return 10 // (x - 3)", {"x": range(6)})
    for method in ("auto", "witness", "exhaustive"):
        with pytest.raises(SpecificationError) as caught:
            best_distributed(p, method)
        assert caught.value.inputs == {"x": 3}
    loop = "def f(n):\n    i = 0\n    while i < n:\n        i += 1\n    return i"
    with pytest.raises(LoopBound):
        best_distributed(program(loop, {"n": range(100)}, max_unroll=64))


@pytest.mark.parametrize("method", ["auto", "witness", "exhaustive"])
def test_a_precondition_that_no_input_meets_is_refused(method):
    p = program("def f(x):\n    assert x > 9\n    return 0", {"x": range(5)})
    with pytest.raises(EmptyDomain):
        best_distributed(p, method)
    with pytest.raises(EmptyDomain):
        best_monolithic(p)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"method": "guess"}, "unknown method 'guess'"),
        ({"fallback": "zero"}, "unknown fallback 'zero'"),
        ({"timeout": 0}, "timeout is a number of seconds above 0"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    p = program("def f(x): return x", {"x": range(5)})
    with pytest.raises(ValueError, match=message):
        best_distributed(p, **arguments)


def test_too_large_a_program_is_not_run_through():
    p = program("def f(x, y): return x < y", {"x": range(10**4), "y": range(10**4)})
    assert p.size > exhaustive.LARGEST
    assert "too many to run" in best_distributed(p, "exhaustive").explain()
    assert "too many to run" in best_monolithic(p, "exhaustive").explain()
    names = [f"x{i}" for i in range(50)]
    huge = program(f"def f({', '.join(names)}): return x0", {name: range(10**4) for name in names})
    assert "about 10^200 inputs" in best_distributed(huge, "exhaustive").explain()


def test_a_function_that_is_not_its_source_is_noticed():
    calls = []

    def f(x):
        return x > 2

    p = program(f, {"x": range(5)})
    object.__setattr__(p, "function", lambda x: calls.append(x) or 1 // 0)
    with pytest.raises(Disagreement, match="which its source does not explain"):
        best_distributed(p, "exhaustive")


def test_limits_are_sane():
    assert signatures.RUNS <= exhaustive.LARGEST
    assert monolithic.OUTPUTS <= monolithic.LARGEST
