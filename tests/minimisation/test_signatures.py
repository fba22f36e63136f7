"""Cuts of one input under fixed values of the others, where no straight line tells the output."""

import pytest

from course_lib.minimisation import characterise, program
from course_lib.minimisation.copies import Gamma
from course_lib.minimisation.deadline import Deadline
from course_lib.minimisation.signatures import cut_by


@pytest.mark.parametrize("bent", [(3, 3), (3, 4), (3, 5), (0, 9), (8, 9)])
def test_a_bent_stretch_of_any_length_is_cut_value_by_value(bent):
    first, last = bent
    text = f"def f(a, b): return a * a + 100 if {first} <= a <= {last} else b"
    gamma = Gamma.of(characterise(program(text, {"a": range(10), "b": range(3)})))
    singles = {((x, x),) for x in range(first, last + 1)}
    rest = tuple(run for run in ((0, first - 1), (last + 1, 9)) if run[0] <= run[1])
    found = cut_by(gamma, "a", [{"b": 0}, {"b": 2}], Deadline()).classes
    assert {tuple(runs) for runs in found} == singles | ({rest} if rest else set())
