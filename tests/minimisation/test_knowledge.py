"""What an output tells, and which program tells less."""

import random
import time
from itertools import permutations

import pytest
import z3
from oracle import discloses_no_more as by_definition
from oracle import knowledge as by_listing

from course_lib.minimisation import SpecificationError, discloses_no_more, examples, knowledge, program

DOMAIN = {"x": range(-1000, 1001)}
WIDE = {"x": range(-100_000, 100_001)}
ORDER = {("mod2", "mod4")}  # f ⊑ g among mod 2, mod 4 and > 0


@pytest.mark.parametrize("domains", [DOMAIN, WIDE], ids=["by runs", "by proof"])
def test_the_six_pairs_of_mod_2_mod_4_and_positive(domains):
    start = time.process_time()
    for f, g in permutations(["mod2", "mod4", "positive"], 2):
        p, q = program(getattr(examples, f), domains), program(getattr(examples, g), domains)
        verdict = discloses_no_more(p, q)
        if (f, g) in ORDER:
            assert (verdict.holds, verdict.status, verdict.counterexample) == (True, "proved", None)
        else:
            assert (verdict.holds, verdict.status) == (False, "refuted")
            u, v = verdict.counterexample
            assert q.run(**u) == q.run(**v)
            assert p.run(**u) != p.run(**v)
    assert time.process_time() - start < 3 * 2  # CPU seconds, a busy machine's factor


def test_knowledge_of_small_domains_is_a_set():
    assert knowledge(examples.mod4, 2, {"x": range(0, 12)}) == {2, 6, 10}
    either = program(examples.or_, {"a": bool, "b": bool})
    assert knowledge(either, (True, False)) == {(True, False), (False, True), (True, True)}
    assert knowledge(either, {"a": False, "b": False}) == {(False, False)}


def test_knowledge_of_a_large_domain_is_its_runs():
    p = program("def f(x): return x // 1000 % 2", {"x": range(0, 10**6)})
    runs = knowledge(p, 1500)
    assert runs[:2] == [(1000, 1999), (3000, 3999)]
    assert len(runs) == 500


def test_knowledge_refuses_what_it_cannot_list():
    p = program("def f(x, y): return x < y", {"x": range(10**4), "y": range(10**4)})
    with pytest.raises(ValueError, match="too many to list"):
        knowledge(p, (1, 2))
    with pytest.raises(SpecificationError, match="outside its domain"):
        knowledge(examples.mod2, 5000, DOMAIN)
    with pytest.raises(ValueError, match="domains are needed"):
        knowledge(examples.mod2, 5)


@pytest.mark.parametrize("seed", range(30))
def test_random_programs_against_the_definitions(seed):
    generator = random.Random(seed)
    values = range(6)
    tables = [[generator.randrange(3) for _ in values] for _ in range(2)]
    f, g = ("def f(x):\n" + "".join(f"    if x == {x}: return {y}\n" for x, y in enumerate(table)) for table in tables)
    functions = [table.__getitem__ for table in tables]
    assert discloses_no_more(f, g, {"x": values}).holds == by_definition(*functions, values)
    assert knowledge(f, 3, {"x": values}) == by_listing(functions[0], 3, values)


def test_a_violated_precondition_is_an_output():
    guarded = "def f(x):\n    assert x > 2\n    return 0"
    constant = "def g(x):\n    return 0"
    domains = {"x": range(6)}
    assert knowledge(guarded, 0, domains) == {0, 1, 2}
    assert discloses_no_more(constant, guarded, domains).holds
    assert not discloses_no_more(guarded, constant, domains).holds


def test_different_inputs_are_refused():
    with pytest.raises(ValueError, match="same inputs and domains"):
        discloses_no_more(program(examples.mod2, DOMAIN), program(examples.mod2, {"x": range(3)}))


def test_an_undecided_comparison_says_so(monkeypatch):
    p, q = program(examples.mod2, WIDE), program(examples.mod4, WIDE)
    monkeypatch.setattr(z3.Solver, "check", lambda *_: z3.unknown)
    verdict = discloses_no_more(p, q)
    assert (verdict.holds, verdict.status, verdict.counterexample) == (None, "unknown", None)
    assert "undecided" in verdict.reason
