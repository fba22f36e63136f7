"""A second engine for Γ: run the function itself on numbers that record what is done to them.

Wherever Python asks such a number for its truth value, the engine decides, and runs the function again
for the other decision. It knows nothing of syntax, which makes it an independent oracle; it is silently
wrong where a program looks past its inputs: at ``type()``, at state that a run leaves behind, at chance.
"""

from itertools import count

import z3


class Traced:
    """A number that is a z3 term; a truth value of it is a decision of the engine."""

    def __init__(self, term, engine):
        self.term, self.engine = term, engine

    def _of(self, term):
        return Traced(term, self.engine)

    def __bool__(self):
        return self.engine.decide(self.term if z3.is_bool(self.term) else self.term != 0)

    def __index__(self):
        """As ``range`` asks for it: one decision a value, in an order that every run repeats."""
        return next(value for value in outward() if self.engine.decide(number(self) == value))

    def __neg__(self):
        return self._of(-number(self))

    def __pos__(self):
        return self._of(number(self))

    def __abs__(self):
        return -self if self < 0 else +self

    def __floordiv__(self, other):
        return self._of(floor_division(number(self), number(other)))

    def __rfloordiv__(self, other):
        return self._of(floor_division(number(other), number(self)))

    def __mod__(self, other):
        return self._of(number(self) - number(other) * floor_division(number(self), number(other)))

    def __rmod__(self, other):
        return self._of(number(other) - number(self) * floor_division(number(other), number(self)))

    def __eq__(self, other):
        return False if other is None or isinstance(other, str | tuple) else self._of(number(self) == number(other))

    def __ne__(self, other):
        return True if other is None or isinstance(other, str | tuple) else self._of(number(self) != number(other))

    __hash__ = None


def _operator(name):
    def apply(self, other):
        return self._of(getattr(z3.ArithRef, name)(number(self), number(other)))

    setattr(Traced, name, apply)


for name in ["add", "radd", "sub", "rsub", "mul", "rmul", "lt", "le", "gt", "ge"]:
    _operator(f"__{name}__")


def outward():
    """0, 1, -1, 2, -2, …"""
    return (value for size in count() for value in ((size, -size) if size else (0,)))


def number(value):
    """A number as a z3 Int; True is 1."""
    term = value.term if isinstance(value, Traced) else z3.IntVal(int(value))
    return z3.If(term, z3.IntVal(1), z3.IntVal(0)) if z3.is_bool(term) else term


def floor_division(a, b):
    """⌊a / b⌋ from a truncated quotient of absolute values: not the library's way."""
    size = z3.If(a < 0, -a, a) / z3.If(b < 0, -b, b)
    exact = z3.If(a < 0, -a, a) % z3.If(b < 0, -b, b) == 0
    return z3.If((a < 0) == (b < 0), size, z3.If(exact, -size, -size - 1))


class Engine:
    """Runs a function once for each sequence of decisions that some input takes."""

    def __init__(self, domain):
        self.domain, self.waiting, self.decisions, self.path = domain, [[]], [], []

    def decide(self, condition):
        place = len(self.path)
        if place == len(self.decisions):
            yes = self._possible(condition)
            if yes and self._possible(z3.Not(condition)):
                self.waiting.append([*self.decisions, False])
            self.decisions = [*self.decisions, yes]
        self.path.append(condition if self.decisions[place] else z3.Not(condition))
        return self.decisions[place]

    def _possible(self, condition):
        solver = z3.SimpleSolver()
        solver.set("arith.nl.grobner", False)  # no timeout ends the search for a Gröbner basis
        solver.add(self.domain, *self.path, condition)
        answer = solver.check()
        assert answer != z3.unknown
        return answer == z3.sat

    def trace(self, function, variables):
        """(path condition, result) for each way through the function."""
        ways = []
        while self.waiting:
            self.decisions, self.path = self.waiting.pop(), []
            result = function(**{name: Traced(term, self) for name, term in variables.items()})
            ways.append((z3.And(self.path), untraced(result)))
        return ways


def untraced(value):
    """A result with its terms laid bare."""
    if isinstance(value, tuple):
        return tuple(map(untraced, value))
    return value.term if isinstance(value, Traced) else value
