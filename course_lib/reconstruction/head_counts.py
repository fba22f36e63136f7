"""The encoding that scales: first how many people of each type, then how old they are.

Phase 1 is a small integer problem: a *type* is a combination of categorical values and of bands of
the integer columns, and its unknown is how many people are of that type. Phase 2 knows the type of
everybody, so membership in a statistic is no longer a question: sums are linear without any If, and
medians are bounds on how many of a known set of ages lie on either side.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import z3

from course_lib.deadline import Deadline
from course_lib.reconstruction.constraints import at_most, is_among, median_is
from course_lib.reconstruction.schema import Database, Schema
from course_lib.reconstruction.tables import PublishedTable, Statistic


@dataclass(frozen=True)
class PersonType:
    """One categorical value a categorical column, one band of values an integer column.

    Parameters
    ----------
    values : column -> the value, or the band as a range; in schema order.

    Examples
    --------
    >>> girls = PersonType({"age": range(0, 18), "sex": "F"})
    >>> teens = {"age": frozenset(range(13, 20))}
    >>> girls.matches(teens), girls.may_match(teens)
    (False, True)
    """

    values: dict[str, object]

    def matches(self, selection: dict[str, frozenset]) -> bool:
        """Whether all people of this type match."""
        return all(admitted.issuperset(self._possible(column)) for column, admitted in selection.items())

    def may_match(self, selection: dict[str, frozenset]) -> bool:
        """Whether some person of this type may match."""
        return not any(admitted.isdisjoint(self._possible(column)) for column, admitted in selection.items())

    def _possible(self, column: str) -> object:
        value = self.values[column]
        return value if isinstance(value, range) else (value,)


def person_types(table: PublishedTable) -> list[PersonType]:
    """All types that the counted groups of a table tell apart, structural zeros left out.

    The conditions of suppressed rows cut no bands: that would multiply the head counts for a row
    that says little. Phase 2 looks at them person by person.

    Returns
    -------
    list of PersonType; every record of the schema belongs to at most one of them.

    Examples
    --------
    >>> schema = Schema(age=range(0, 126), sex=["F", "M"])
    >>> table = PublishedTable(schema, [Statistic("1A", count=3), Statistic("5B", {"age": range(0, 18)}, count=1)])
    >>> [tuple(t.values.values()) for t in person_types(table)][:2]
    [(range(0, 18), 'F'), (range(0, 18), 'M')]
    """
    zeros = table.zero_selections()
    selections = [table.selection(s) for s in table.statistics if not s.suppressed] + zeros
    choices = [
        _bands(values, [sel[column] for sel in selections if column in sel]) if isinstance(values, range) else values
        for column, values in table.schema.columns.items()
    ]
    types = [PersonType(dict(zip(table.schema.columns, choice, strict=True))) for choice in product(*choices)]
    return [t for t in types if not any(t.matches(zero) for zero in zeros)]


def _bands(values: range, conditions: list[frozenset]) -> list[range]:
    """The longest runs of values on which no condition changes its answer."""
    starts = [values[0]]
    for previous, value in zip(values, values[1:], strict=False):
        if any((previous in admitted) != (value in admitted) for admitted in conditions):
            starts.append(value)
    return [range(a, b) for a, b in zip(starts, [*starts[1:], values.stop], strict=True)]


class _HeadCounts:
    """Phase 1: the number of people of each type, with the sum of each integer column by type."""

    def __init__(self, table: PublishedTable, types: list[PersonType]) -> None:
        self.table, self.types = table, types
        self.counts = [z3.Int(f"count_{i}") for i in range(len(types))]
        self.solver = z3.SimpleSolver()
        self.solver.add([count >= 0 for count in self.counts])
        self.solver.add(z3.Sum(self.counts) == table.n)
        self._sums: dict[str, list[z3.ArithRef]] = {}
        for statistic in table.statistics:
            self._add(statistic)

    def _add(self, s: Statistic) -> None:
        selection = self.table.selection(s)
        inside = [i for i, t in enumerate(self.types) if t.matches(selection)]
        size = z3.Sum([self.counts[i] for i in inside])
        if s.suppressed:
            self.solver.add(size < self.table.suppression_threshold)
        if s.count is not None:
            self.solver.add(size == s.count)
        if s.mean is not None:
            sums, total = self._sums_of(self.table.measured_column(s)), self.table.sums(s)
            group_sum = z3.Sum([sums[i] for i in inside])
            self.solver.add(group_sum >= total[0], group_sum <= total[-1])
        self._add_order(s, inside)

    def _add_order(self, s: Statistic, inside: list[int]) -> None:
        """What median, minimum and maximum already say about types that lie wholly to one side."""
        if s.median is s.minimum is s.maximum is None:
            return
        column = self.table.measured_column(s)
        bands = {i: self.types[i].values[column] for i in inside}

        def below(bound: object) -> z3.ArithRef:
            return z3.Sum([self.counts[i] for i in inside if bands[i][-1] < bound])

        def above(bound: object) -> z3.ArithRef:
            return z3.Sum([self.counts[i] for i in inside if bands[i][0] > bound])

        if s.median is not None:
            self.solver.add(below(s.median) <= s.count // 2, above(s.median) <= s.count // 2)
        for bound, beyond in ((s.minimum, below), (s.maximum, above)):
            if bound is not None:
                self.solver.add(beyond(bound) == 0)
                self.solver.add(z3.Sum([self.counts[i] for i in inside if bound in bands[i]]) >= 1)

    def _sums_of(self, column: str) -> list[z3.ArithRef]:
        """One unknown a type: the sum of its people's values, any whole number their band allows."""
        if column not in self._sums:
            sums = [z3.Int(f"sum_{column}_{i}") for i in range(len(self.types))]
            for total, count, person_type in zip(sums, self.counts, self.types, strict=True):
                band = person_type.values[column]
                self.solver.add(total >= band[0] * count, total <= band[-1] * count)
            self._sums[column] = sums
        return self._sums[column]

    def solutions(self, deadline: Deadline) -> Iterator[list[int]]:
        while deadline.is_satisfiable(self.solver):
            model = self.solver.model()
            found = [model.eval(count, model_completion=True).as_long() for count in self.counts]
            yield found
            self.solver.add(z3.Or([count != value for count, value in zip(self.counts, found, strict=True)]))


class _Ages:
    """Phase 2: the integer columns of people whose types are known."""

    def __init__(self, table: PublishedTable, types: list[PersonType], counts: list[int], solver: z3.Solver) -> None:
        self.table, self.solver = table, solver
        integers = table.schema.integer_columns
        self.people: list[tuple[PersonType, dict[str, z3.ArithRef]]] = []
        for number, (person_type, count) in enumerate(zip(types, counts, strict=True)):
            previous = None
            for place in range(count):
                values = {column: z3.Int(f"{column}_{number}_{place}") for column in integers}
                for column, value in values.items():
                    band = person_type.values[column]
                    solver.add(value >= band[0], value <= band[-1])
                if previous is not None:  # people of one type are interchangeable: keep them sorted
                    solver.add(at_most(list(previous.values()), list(values.values())))
                self.people.append((person_type, values))
                previous = values
        for statistic in table.statistics:
            self._add(statistic)

    def _add(self, s: Statistic) -> None:
        if s.suppressed:
            self._add_suppressed(self.table.selection(s))
        if s.mean is s.median is s.minimum is s.maximum is None:
            return
        selection, column = self.table.selection(s), self.table.measured_column(s)
        ages = [values[column] for person_type, values in self.people if person_type.matches(selection)]
        if s.mean is not None:
            total = self.table.sums(s)
            self.solver.add(z3.Sum(ages) >= total[0], z3.Sum(ages) <= total[-1])
        if s.median is not None:
            self.solver.add(median_is(s, ages))
        if s.minimum is not None:
            self.solver.add([age >= s.minimum for age in ages] + [z3.Or([age == s.minimum for age in ages])])
        if s.maximum is not None:
            self.solver.add([age <= s.maximum for age in ages] + [z3.Or([age == s.maximum for age in ages])])

    def _add_suppressed(self, selection: dict[str, frozenset]) -> None:
        inside = [
            z3.And([is_among(value, selection[column]) for column, value in values.items() if column in selection])
            for person_type, values in self.people
            if person_type.may_match(selection)
        ]
        if inside:
            self.solver.add(z3.AtMost(*inside, self.table.suppression_threshold - 1))

    def databases(self, deadline: Deadline) -> Iterator[Database]:
        schema = self.table.schema
        unknowns = [value for _, values in self.people for value in values.values()]
        while deadline.is_satisfiable(self.solver):
            model = self.solver.model()
            found = {u: model.eval(u, model_completion=True).as_long() for u in unknowns}
            yield Database(schema, tuple(_record(schema, t, values, found) for t, values in self.people))
            self.solver.add(z3.Or([unknown != value for unknown, value in found.items()]))


def _record(schema: Schema, person_type: PersonType, values: dict, found: dict) -> tuple:
    return tuple(found[values[c]] if c in values else person_type.values[c] for c in schema.columns)


def databases(table: PublishedTable, deadline: Deadline) -> Iterator[Database]:
    """Every database that fits, one by one: for each head count, every way to fill in the ages.

    Parameters
    ----------
    table : what is published.
    deadline : for all of them together.

    Returns
    -------
    Iterator of Database, each once, in no order to rely on.

    Raises
    ------
    SolverUndecided
        when the deadline passes before the last one is known.

    Examples
    --------
    >>> schema = Schema(age=range(0, 126), sex=["F", "M"])
    >>> table = PublishedTable(schema, [Statistic("all", count=2, mean=1), Statistic("F", {"sex": "F"}, count=2)])
    >>> sorted(database.rows for database in databases(table, Deadline(timeout=60)))  # one head count, two ways
    [((0, 'F'), (2, 'F')), ((1, 'F'), (1, 'F'))]
    """
    types = person_types(table)
    for counts in _HeadCounts(table, types).solutions(deadline):
        yield from _Ages(table, types, counts, z3.SimpleSolver()).databases(deadline)
