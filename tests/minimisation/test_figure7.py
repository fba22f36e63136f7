"""Fig. 7 of the paper: right when it eliminates a universal quantifier, wrong with an existential one."""

import pytest
import z3

from course_lib.minimisation import best_distributed, examples, program, verify
from course_lib.minimisation.characterisation import characterise
from course_lib.minimisation.copies import Gamma
from course_lib.minimisation.deadline import Deadline
from course_lib.minimisation.errors import Undecided
from course_lib.minimisation.figure7 import class_of, classes_by_figure7


def worked(name):
    return program(getattr(examples, name), examples.DOMAINS[name])


@pytest.mark.parametrize("name", ["or_", "credit", "minimum", "toll"])
def test_the_existential_reading_is_wrong(name):
    p = worked(name)
    dm = best_distributed(p, method="figure7", reading="existential")
    assert dm.status == "incomplete"  # never called a minimiser
    certificate = verify(p, dm)
    assert certificate.correct == "refuted"
    wrong = certificate.correct.counterexample
    assert p.run(**wrong) != p.run(**dm(wrong))


@pytest.mark.parametrize("name", ["or_", "credit", "minimum", "toll"])
def test_the_repaired_reading_is_right(name):
    p = worked(name)
    dm = best_distributed(p, method="figure7")
    assert dm.status == "best"
    assert {n: dm[n].classes for n in dm} == {n: best_distributed(p, "exhaustive")[n].classes for n in dm}


def test_the_existential_reading_puts_all_of_or_into_one_class():
    gamma = Gamma.of(characterise(worked("or_")))
    assert classes_by_figure7(gamma, "a", Deadline(), "existential").classes == [[(False, True)]]


def test_with_one_input_both_readings_agree_and_no_quantifier_reaches_z3():
    """From version 5 on, qe2 answers True to a goal without quantifiers: it must never see one."""
    p = worked("benefit_level")
    for reading in ("repaired", "existential"):
        gamma = Gamma.of(characterise(p))
        assert classes_by_figure7(gamma, "salary", Deadline(), reading).classes == [[(0, 9999)], [(10000, 100000)]]


def test_loop_variables_are_renamed_in_the_copy():
    gamma = Gamma.of(characterise(worked("loyalty_invariant")))
    formula = class_of(gamma, "flights", z3.IntVal(27), Deadline())
    at = {x: z3.simplify(z3.substitute(formula, (gamma.variables["flights"], z3.IntVal(x)))) for x in (24, 25, 29, 30)}
    assert {x: z3.is_true(value) for x, value in at.items()} == {24: False, 25: True, 29: True, 30: False}


def test_a_class_that_quantifier_elimination_gets_wrong_is_not_believed(monkeypatch):
    gamma = Gamma.of(characterise(worked("credit")))

    def nothing_differs(bound, relation, *_):
        return z3.BoolVal(False)

    monkeypatch.setattr("course_lib.minimisation.figure7._project", nothing_differs)
    with pytest.raises(Undecided, match="too large"):
        classes_by_figure7(gamma, "incidents", Deadline())
    dm = best_distributed(worked("credit"), "figure7")
    assert dm.status == "incomplete"
    assert "too large" in dm.explain()


def test_classes_that_are_too_small_are_a_minimiser_and_not_called_best(monkeypatch):
    gamma_of = {}

    def each_by_itself(gamma, name, value, *_):
        gamma_of[name] = gamma
        return gamma.variables[name] == value

    monkeypatch.setattr("course_lib.minimisation.figure7.class_of", each_by_itself)
    dm = best_distributed(worked("credit"), "figure7")
    assert dm.status == "minimiser"
    assert "incidents" in dm.explain()
    certificate = verify(worked("credit"), dm)
    assert (certificate.correct, certificate.best) == ("proved", "refuted")


def test_unknown_readings_are_refused():
    with pytest.raises(ValueError, match="unknown reading 'universal'"):
        best_distributed(worked("or_"), "figure7", reading="universal")
