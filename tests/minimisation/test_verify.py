"""Certificates: each of the legs finds a fault of its own, and none claims what it did not prove."""

import pytest
import z3

from course_lib.minimisation import best_distributed, best_monolithic, characterise, examples, program, verify
from course_lib.minimisation import certify_distributed as legs
from course_lib.minimisation.certificate import Claim
from course_lib.minimisation.concrete_leg import ALL, SEEDED, Runs
from course_lib.minimisation.errors import UnsupportedConstruct


def worked(name):
    return program(getattr(examples, name), examples.DOMAINS[name])


@pytest.mark.parametrize("name", [name for name in examples.DOMAINS if name != "loyalty_weak"])
def test_worked_programs_are_certified(name):
    p = worked(name)
    for minimiser in (best_distributed(p), best_monolithic(p)):
        certificate = verify(p, minimiser)
        assert [certificate.correct, certificate.idempotent, certificate.best] == ["proved"] * 3, str(certificate)
        assert certificate.concrete_runs >= min(p.size, SEEDED)


def test_all_inputs_are_run_up_to_the_limit_and_the_telling_ones_beyond():
    small = program("def f(x): return x < 7", {"x": range(ALL)})
    assert verify(small, best_distributed(small)).concrete_runs == ALL
    large = program("def f(x): return x < 7", {"x": range(ALL + 1)})
    certificate = verify(large, best_distributed(large))
    assert SEEDED < certificate.concrete_runs < SEEDED + 50
    assert certificate.correct == "proved"


def test_a_fault_of_the_encoding_is_found_by_the_runs(monkeypatch):
    """Γ of another program passes the proofs; the runs of the real one do not."""
    p = worked("benefit_level")
    other = program("def benefit_level(salary): return salary < 20000", examples.DOMAINS["benefit_level"])
    monkeypatch.setattr(legs, "characterise", lambda program, timeout=None: characterise(other))
    certificate = verify(p, best_distributed(other))
    assert certificate.correct == "refuted"
    assert 10000 <= certificate.correct.counterexample["salary"] < 20000


def test_a_proof_that_the_runs_contradict_is_unknown(monkeypatch):
    p = worked("benefit_level")
    other = program("def benefit_level(salary): return salary < 20000", examples.DOMAINS["benefit_level"])
    monkeypatch.setattr(legs, "characterise", lambda program, timeout=None: characterise(other))
    certificate = verify(p, best_distributed(p))
    assert (certificate.correct, certificate.best) == ("unknown", "unknown")
    assert "Γ is not the program" in certificate.correct.reason


def test_a_fault_beyond_the_runs_is_found_by_the_proof():
    """A cut in the module that the classes do not know of, at one value among a thousand million."""
    p = program("def f(x, y): return x < 5 and y < 5", {"x": range(10**9), "y": range(10**9)})
    dm = best_distributed(p)
    once = "return 0 if x < 5 else 1"
    source = dm["x"].source().replace(once, f"if x == 777777777:\n        return 0\n    {once}")
    certificate = verify(p, dm.with_source("x", source))
    assert certificate.correct == "refuted"
    assert certificate.correct.counterexample["x"] == 777777777


def test_a_solver_that_gives_up_leaves_small_programs_to_the_runs(monkeypatch):
    monkeypatch.setattr(z3.Solver, "check", lambda *_: z3.unknown)
    p = program("def f(a, b): return a or b", {"a": bool, "b": bool})
    certificate = verify(p, best_distributed(p, "exhaustive"))
    assert certificate.correct == "proved"
    assert "by running all inputs" in certificate.correct.reason
    assert (certificate.idempotent, certificate.best) == ("proved", "proved")
    large = program("def f(x): return x < 7", {"x": range(10**6)})
    certificate = verify(large, best_distributed(large))
    assert (certificate.correct, certificate.idempotent, certificate.best) == ("unknown", "proved", "unknown")


def test_minimising_twice_is_refuted_by_looking_where_the_solver_gives_up(monkeypatch):
    p = worked("credit")
    dm = best_distributed(p)
    swapped = dm.with_source("tax", dm["tax"].source().replace("(1, 3)[k]", "(3, 1)[k]"))
    monkeypatch.setattr(z3.Solver, "check", lambda *_: z3.unknown)
    monkeypatch.setattr(legs, "compare", lambda *_: Runs(0, False))
    certificate = verify(p, swapped)
    assert certificate.idempotent == "refuted"
    assert certificate.idempotent.counterexample in ({"tax": 1}, {"tax": 3})


def test_a_stopped_certificate_claims_nothing():
    p = program("def f(x): return x < 7", {"x": range(ALL)})
    certificate = verify(p, best_distributed(p), timeout=0.001)
    assert {certificate.correct, certificate.best} == {"unknown"}
    assert "undecided after" in certificate.correct.reason


def test_where_all_inputs_take_too_long_the_telling_ones_are_run(monkeypatch):
    p = worked("benefit_level")
    dm, now = best_distributed(p), 0.0

    def clock():
        nonlocal now
        now += 1e-4
        return now

    monkeypatch.setattr("course_lib.deadline.time.monotonic", clock)
    certificate = verify(p, dm, timeout=12)  # six seconds and 60,000 looks at the clock for 100,001 inputs
    assert [certificate.correct, certificate.idempotent, certificate.best] == ["proved"] * 3
    assert SEEDED < certificate.concrete_runs < SEEDED + 50
    monkeypatch.undo()
    assert verify(p, dm, timeout=60).concrete_runs == p.size


def test_an_incomplete_minimiser_is_unknown():
    p = program("def f(x): return x", {"x": range(10**8)})
    dm, m = best_distributed(p), best_monolithic(p)
    assert (dm.status, m.status) == ("incomplete", "incomplete")
    assert {verify(p, dm).correct, verify(p, m).correct, verify(p, dm).best} == {"unknown"}


def test_a_module_that_is_not_understood_is_an_error():
    p = worked("benefit_level")
    dm = best_distributed(p)
    with pytest.raises(UnsupportedConstruct) as caught:
        verify(p, dm.with_source("salary", dm["salary"].source().replace("return 0 if", "return 0 + len('') if")))
    assert caught.value.line is not None


def test_monolithic_minimisers_that_are_wrong_are_refuted():
    from dataclasses import replace

    p = worked("credit")
    m = best_monolithic(p)
    lost = replace(m, representatives=m.representatives[:-1], outputs=m.outputs[:-1])
    assert verify(p, lost).correct == "refuted"
    assert p.run(**verify(p, lost).correct.counterexample) == m.outputs[-1]
    twice = replace(m, representatives=[*m.representatives, (1, 1)], outputs=[*m.outputs, "standard again"])
    assert verify(p, twice).best == "refuted"


def test_certificates_are_readable():
    claim = Claim("refuted", {"x": 3}, "the source changes the output")
    assert claim == "refuted"
    p = worked("benefit_level")
    text = str(verify(p, best_distributed(p)))
    assert text.splitlines()[0] == "correct: proved"
    assert text.splitlines()[-1] == "compared on 100,001 inputs"
