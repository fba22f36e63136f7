"""One time limit for many solver calls and loops."""

import pytest
import z3

from course_lib.deadline import Deadline, SolverUndecided


class Stub:
    """A solver that gives one answer and remembers the limit it was given."""

    def __init__(self, answer):
        self.answer, self.milliseconds = answer, None

    def set(self, _, milliseconds):
        self.milliseconds = milliseconds

    def check(self, *assumptions):
        return self.answer

    def reason_unknown(self):
        return "incomplete"


def expired(timeout=5):
    deadline = Deadline(timeout)
    deadline._start -= timeout + 1
    return deadline


def test_a_solver_that_gives_up_is_undecided_even_without_a_limit():
    with pytest.raises(SolverUndecided, match=r"^undecided after .* s: incomplete$"):
        Deadline().is_satisfiable(Stub(z3.unknown))
    assert Deadline().is_satisfiable(Stub(z3.sat)) is True
    assert Deadline().is_satisfiable(Stub(z3.unsat)) is False


def test_the_solver_is_told_how_much_time_is_left():
    solver = Stub(z3.sat)
    Deadline().is_satisfiable(solver)
    assert solver.milliseconds is None
    Deadline(timeout=5).is_satisfiable(solver)
    assert 0 < solver.milliseconds <= 5000
    with pytest.raises(SolverUndecided, match="^which: undecided after 5 s$"):
        expired().is_satisfiable(solver, question="which")


def test_assumptions_reach_the_solver():
    a, solver = z3.Bool("a"), z3.Solver()
    solver.add(z3.Not(a))
    assert Deadline(5).is_satisfiable(solver)
    assert not Deadline(5).is_satisfiable(solver, a)


def test_a_watched_loop_ends_when_the_time_is_up_and_not_before(monkeypatch):
    now, seen = 0, []
    monkeypatch.setattr("course_lib.deadline.time.monotonic", lambda: now)
    with pytest.raises(SolverUndecided, match="^the loop: undecided after 5 s$"):
        for n in Deadline(5).watch(range(100), "the loop"):
            seen.append(n)
            now = 6 * (n == 41)
    assert seen == list(range(42))
    assert list(Deadline().watch("abc")) == ["a", "b", "c"]


def test_what_is_left_is_shared_out():
    assert Deadline().left() is None
    assert 4 < Deadline(5).left() <= 5
    assert Deadline(5).part(60).timeout <= 5
    assert Deadline(500).part(60).timeout == Deadline().part(60).timeout == 60
    for ask in (Deadline.left, Deadline.milliseconds, lambda deadline, what: deadline.part(60, what)):
        with pytest.raises(SolverUndecided, match="^what: undecided after 5 s$"):
            ask(expired(), "what")


def test_a_part_of_the_course_may_have_an_error_of_its_own():
    class Late(Deadline):
        undecided = LookupError

    late = Late(5)
    late._start -= 6
    with pytest.raises(LookupError, match="undecided after 5 s"):
        late.check()
    assert type(Late(5).part(1)) is Late


@pytest.mark.parametrize("timeout", [0, -1, True, "5", float("nan")])
def test_what_is_no_number_of_seconds_above_zero_is_refused(timeout):
    with pytest.raises(ValueError, match="timeout is a number of seconds above 0, or None"):
        Deadline(timeout)


@pytest.mark.parametrize("timeout", [1e10, float("inf")])
def test_more_time_than_z3_can_be_told_is_no_limit(timeout):
    solver = Stub(z3.sat)
    assert Deadline(timeout).is_satisfiable(solver)
    assert solver.milliseconds == 2**32 - 2
