"""Functions of one whole number, exactly: linear on intervals, with a slope of its own for each residue.

A term of Z3 over one free integer is evaluated for a whole interval at once. x < 10000 becomes False after
True; x % 3 becomes one piece with three entries; so a domain of a thousand million values takes no longer
than one of a hundred. What this form cannot hold (x * x, a division by the unknown) is marked as unknown
where it occurs, never approximated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from math import gcd, lcm
from typing import NamedTuple

import z3

from course_lib.minimisation.deadline import Deadline

UNKNOWN = None  # an entry that this form cannot express
LARGEST = 100_000  # entries of one function; beyond, listing the values is cheaper
QUESTION = "where the classes are cut"
NO_LIMIT = Deadline()


class Piece(NamedTuple):
    """On first..last the value at x is ``entries[x % len(entries)]``.

    An entry is a pair (a, b) for a*x + b, or True or False, or UNKNOWN.

    Examples
    --------
    >>> [piece.entries[7 % len(piece.entries)] for piece in constant(3, 0, 9) + identity(0, 9)]
    [(0, 3), (1, 0)]
    """

    first: int
    last: int
    entries: tuple


Function = list[Piece]  # pieces that follow one another without a gap


def constant(value: int | bool, first: int, last: int) -> Function:
    """The function that has one value everywhere.

    Examples
    --------
    >>> constant(7, 0, 9)
    [Piece(first=0, last=9, entries=((0, 7),))]
    """
    return [Piece(first, last, (value if isinstance(value, bool) else (0, value),))]


def identity(first: int, last: int) -> Function:
    """The function x.

    Examples
    --------
    >>> identity(0, 9)
    [Piece(first=0, last=9, entries=((1, 0),))]
    """
    return [Piece(first, last, ((1, 0),))]


def _aligned(functions: Sequence[Function]) -> Iterable[tuple[int, int, list[tuple]]]:
    """The common refinement: intervals on which no function changes its piece, with all their entries."""
    places = [0] * len(functions)
    first = functions[0][0].first
    end = functions[0][-1].last
    while first <= end:
        current = [f[place] for f, place in zip(functions, places, strict=True)]
        last = min(piece.last for piece in current)
        yield first, last, [piece.entries for piece in current]
        places = [place + (piece.last == last) for place, piece in zip(places, current, strict=True)]
        first = last + 1


def pointwise(operation: Callable, *functions: Function, deadline: Deadline = NO_LIMIT) -> Function:
    """Apply an operation on entries where it needs no new cuts.

    Parameters
    ----------
    operation : takes an entry of each function, and gives an entry.
    functions : over one domain.
    deadline : raises Undecided in the midst of a long application.

    Raises
    ------
    TooManyPieces
        if the result has more than LARGEST entries.

    Examples
    --------
    >>> pointwise(lambda a, b: (a[0] + b[0], a[1] + b[1]), identity(0, 9), constant(5, 0, 9))  # x + 5
    [Piece(first=0, last=9, entries=((1, 5),))]
    """
    return _simplified(_applied(operation, functions, deadline))


def _applied(operation: Callable, functions: Sequence[Function], deadline: Deadline) -> Iterator[Piece]:
    for first, last, entries in deadline.watch(_aligned(functions), QUESTION):
        period = lcm(*map(len, entries))
        if period > LARGEST:
            raise TooManyPieces
        if period == 1:
            yield Piece(first, last, (operation(*(e[0] for e in entries)),))
        else:
            residues = deadline.watch(range(period), QUESTION)
            yield Piece(first, last, tuple(operation(*(e[r % len(e)] for e in entries)) for r in residues))


def _simplified(pieces: Iterable[Piece]) -> Function:
    """Entries that agree stand once; neighbours that agree become one piece."""
    result: list[Piece] = []
    size = 0
    for first, last, entries in pieces:
        if len(entries) > 1 and all(entry == entries[0] for entry in entries):
            entries = entries[:1]
        if result and result[-1].entries == entries:
            result[-1] = Piece(result[-1].first, last, entries)
        else:
            result.append(Piece(first, last, entries))
            size += len(entries)
            if size > LARGEST:
                raise TooManyPieces
    return result


class TooManyPieces(Exception):
    """The piecewise form has grown too large to pay.

    Examples
    --------
    >>> try:
    ...     divide(identity(0, 10**6), constant(LARGEST + 1, 0, 10**6), remainder=True)
    ... except TooManyPieces:
    ...     print("too many residues")
    too many residues
    """


def _add(*entries):
    if UNKNOWN in entries:
        return UNKNOWN
    return sum(a for a, _ in entries), sum(b for _, b in entries)


def _negate(entry):
    return UNKNOWN if entry is UNKNOWN else (-entry[0], -entry[1])


def _subtract(first, *others):
    return _add(first, *map(_negate, others))


def _multiply(*entries):
    product = (0, 1)
    for entry in entries:
        if entry == (0, 0):
            return (0, 0)
        if product is UNKNOWN or entry is UNKNOWN or (product[0] and entry[0]):
            product = UNKNOWN
            continue
        (a, b), (c, d) = product, entry
        product = (a * d + b * c, b * d)
    return product


def _choose(condition, then, otherwise):
    if condition is UNKNOWN:
        return then if then == otherwise else UNKNOWN
    return then if condition else otherwise


def _and(*entries):
    return False if False in entries else UNKNOWN if UNKNOWN in entries else True


def _or(*entries):
    return True if True in entries else UNKNOWN if UNKNOWN in entries else False


def _not(entry):
    return UNKNOWN if entry is UNKNOWN else not entry


def _same_truth(first, second):
    return UNKNOWN if first is UNKNOWN or second is UNKNOWN else first == second


def compare(left: Function, right: Function, holds: Callable[[int], bool], deadline: Deadline = NO_LIMIT) -> Function:
    """Where the sign of left - right satisfies ``holds``: cuts at the roots, then one sign a piece.

    x // 1000 < 5 has a root for each of its 1000 residues, all within 1000 values of one another. There
    the values are fewer than the entries of so many pieces, and each has its own sign.

    Examples
    --------
    >>> thousands = divide(identity(0, 99_999), constant(1000, 0, 99_999), remainder=False)
    >>> compare(thousands, constant(5, 0, 99_999), lambda difference: difference < 0)
    [Piece(first=0, last=4999, entries=(True,)), Piece(first=5000, last=99999, entries=(False,))]
    """
    return _simplified(_signs(pointwise(_subtract, left, right, deadline=deadline), holds, deadline))


def _signs(difference: Function, holds: Callable[[int], bool], deadline: Deadline) -> Iterator[Piece]:
    def sign(entry: tuple | None, x: int) -> bool | None:
        return UNKNOWN if entry is UNKNOWN else holds(entry[0] * x + entry[1])

    for first, last, entries in difference:
        lines = [entry for entry in entries if entry is not UNKNOWN and entry[0]]
        # The root of ax + b, or the next whole number, and the first beyond it.
        cuts = (cut for a, b in deadline.watch(lines, QUESTION) for cut in (-(b // a), -b // a + 1))
        starts = sorted({first, *(cut for cut in cuts if first < cut <= last)})
        ends = [*(start - 1 for start in starts[1:]), last]
        for start, end in zip(deadline.watch(starts, QUESTION), ends, strict=True):
            if end - start + 1 < len(entries):
                yield from (Piece(x, x, (sign(entries[x % len(entries)], x),)) for x in range(start, end + 1))
            else:
                yield Piece(start, end, tuple(sign(entry, start) for entry in entries))


def divide(left: Function, right: Function, remainder: bool, deadline: Deadline = NO_LIMIT) -> Function:
    """Quotient or remainder as SMT-LIB defines them: the remainder lies in 0..abs(divisor) - 1.

    Parameters
    ----------
    left, right : over one domain; where ``right`` is not constant or 0, the result is UNKNOWN.
    remainder : False for the quotient.
    deadline : raises Undecided in the midst of a long division.

    Raises
    ------
    TooManyPieces
        if the result has more than LARGEST entries.

    Examples
    --------
    >>> divide(identity(0, 9), constant(-2, 0, 9), remainder=True)
    [Piece(first=0, last=9, entries=((0, 0), (0, 1)))]
    """
    return _simplified(_divided(left, right, remainder, deadline))


def _divided(left: Function, right: Function, remainder: bool, deadline: Deadline) -> Iterator[Piece]:
    for first, last, (numerators, divisors) in deadline.watch(_aligned([left, right]), QUESTION):
        period = base = lcm(len(numerators), len(divisors))
        pairs = [(numerators[r % len(numerators)], divisors[r % len(divisors)]) for r in range(base)]
        pairs = [pair if _divides(*pair) else None for pair in pairs]
        for pair in deadline.watch(pairs, QUESTION):
            if pair is not None:  # on x = r + base*t the numerator grows by a*base a step
                step, divisor = int(pair[0][0] * base), abs(int(pair[1][1]))
                period = lcm(period, base * (divisor // gcd(step, divisor)))
        if period > LARGEST:
            raise TooManyPieces
        residues = deadline.watch(range(period), QUESTION)
        yield Piece(first, last, tuple(_quotient(pairs[r % base], r, remainder) for r in residues))


def _divides(numerator, divisor) -> bool:
    return numerator is not UNKNOWN and divisor is not UNKNOWN and divisor[0] == 0 and divisor[1] != 0


def _quotient(pair, r, remainder):
    if pair is None:
        return UNKNOWN
    (a, b), (_, divisor) = pair
    rest = (a * r + b) % abs(divisor)
    return (0, rest) if remainder else (Fraction(a) / divisor, Fraction(b - rest) / divisor)


COMPARISONS = {
    z3.Z3_OP_LE: lambda d: d <= 0,
    z3.Z3_OP_LT: lambda d: d < 0,
    z3.Z3_OP_GE: lambda d: d >= 0,
    z3.Z3_OP_GT: lambda d: d > 0,
}
ELEMENTWISE = {
    z3.Z3_OP_ADD: _add,
    z3.Z3_OP_SUB: _subtract,
    z3.Z3_OP_UMINUS: _negate,
    z3.Z3_OP_MUL: _multiply,
    z3.Z3_OP_ITE: _choose,
    z3.Z3_OP_AND: _and,
    z3.Z3_OP_OR: _or,
    z3.Z3_OP_NOT: _not,
    z3.Z3_OP_XOR: lambda p, q: _not(_same_truth(p, q)),
    z3.Z3_OP_IMPLIES: lambda p, q: _or(_not(p), q),
}


class Evaluator:
    """Evaluates terms of Z3 in which every input but one is a constant.

    Parameters
    ----------
    known : for each free constant of the terms, by its name, its function. Terms with others are UNKNOWN.
    first, last : the interval.
    deadline : raises Undecided in the midst of a long evaluation.

    Examples
    --------
    >>> x, y = z3.Ints("x y")
    >>> evaluator = Evaluator({"x": identity(0, 99), "y": constant(40, 0, 99)}, 0, 99)
    >>> evaluator(x + 10 < y)
    [Piece(first=0, last=29, entries=(True,)), Piece(first=30, last=99, entries=(False,))]
    >>> evaluator(x % 3)
    [Piece(first=0, last=99, entries=((0, 0), (0, 1), (0, 2)))]
    >>> evaluator(x * x)
    [Piece(first=0, last=99, entries=(None,))]
    """

    def __init__(self, known: dict[str, Function], first: int, last: int, deadline: Deadline = NO_LIMIT) -> None:
        self.known, self.first, self.last = known, first, last
        self.deadline = deadline
        self._done: dict[int, tuple[z3.ExprRef, Function]] = {}

    def __call__(self, term: z3.ExprRef) -> Function:
        stack = [term]  # no recursion: a long program makes deep terms
        while stack:
            current = stack[-1]
            if current.get_id() in self._done:
                stack.pop()
                continue
            missing = [child for child in current.children() if child.get_id() not in self._done]
            if missing:
                stack += missing
                continue
            stack.pop()
            self.deadline.check(QUESTION)
            operands = [self._done[child.get_id()][1] for child in current.children()]
            self._done[current.get_id()] = (current, self._apply(current, operands))
        return self._done[term.get_id()][1]

    def _apply(self, term: z3.ExprRef, operands: list[Function]) -> Function:
        kind = term.decl().kind()
        if z3.is_int_value(term):
            return constant(term.as_long(), self.first, self.last)
        if kind in (z3.Z3_OP_TRUE, z3.Z3_OP_FALSE):
            return constant(kind == z3.Z3_OP_TRUE, self.first, self.last)
        if kind == z3.Z3_OP_UNINTERPRETED and not operands:
            return self.known.get(term.decl().name(), [Piece(self.first, self.last, (UNKNOWN,))])
        if kind in ELEMENTWISE:
            return pointwise(ELEMENTWISE[kind], *operands, deadline=self.deadline)
        if kind in COMPARISONS:
            return compare(*operands, COMPARISONS[kind], self.deadline)
        if kind in (z3.Z3_OP_IDIV, z3.Z3_OP_MOD):
            return divide(*operands, kind == z3.Z3_OP_MOD, self.deadline)
        if kind in (z3.Z3_OP_EQ, z3.Z3_OP_DISTINCT) and len(operands) == 2:
            if z3.is_bool(term.arg(0)):
                same = pointwise(_same_truth, *operands, deadline=self.deadline)
            else:
                same = compare(*operands, lambda d: d == 0, self.deadline)
            return same if kind == z3.Z3_OP_EQ else pointwise(_not, same, deadline=self.deadline)
        return [Piece(self.first, self.last, (UNKNOWN,))]
