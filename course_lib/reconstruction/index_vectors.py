"""A well-known notebook's encoding, generalised, with the flaws that chapter 1 finds in it.

An array of ages, sorted, and for each group of people a vector of indices into it. Two things are
wrong with it, and are kept: a mean is stated with ``/``, which on Z3's Ints is floor division; and a
group that joins several conditions is only a subset of the people who meet them, so its count is a
lower bound. ``recompute.violations`` tells what its databases break.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import z3

from course_lib.deadline import Deadline
from course_lib.reconstruction.constraints import is_among
from course_lib.reconstruction.schema import Database
from course_lib.reconstruction.tables import PublishedTable, Statistic


class _IndexVectors:
    def __init__(self, table: PublishedTable) -> None:
        self.table, self.schema, self.n, self.n_splits = table, table.schema, table.n, 0
        if len(self.schema.integer_columns) != 1:
            raise ValueError(
                'the encoding "index-vectors" is one array of ages: it needs exactly one integer column, '
                f"and the schema has {list(self.schema.integer_columns)}"
            )
        (self.measured,) = self.schema.integer_columns
        self.ages = z3.Array(self.measured, z3.IntSort(), z3.IntSort())
        self.solver = z3.Solver()
        values = self.schema.columns[self.measured]
        for i in range(self.n):
            self.solver.add(self.ages[i] >= values[0], self.ages[i] <= values[-1])
        for i, j in pairwise(range(self.n)):
            self.solver.add(self.ages[i] <= self.ages[j])
        # column -> value -> the indices of the people who have it
        self.cohorts = {column: self._split(column) for column in self.schema.categorical_columns}
        for statistic in table.statistics:
            self._add(statistic)
        for zero in table.zero_selections():
            self.solver.add([z3.Not(match) for match in self._matches(zero)])

    def _split(self, column: str) -> dict[object, list[z3.ArithRef]]:
        """One vector a value; together they hold every index once, so each size must be known."""
        values = self.schema.columns[column]
        sizes = {
            value: s.count
            for s in self.table.statistics
            for value in values
            if s.count is not None and self.table.selection(s) == {column: frozenset([value])}
        }
        unknown = [value for value in values if value not in sizes]
        if len(unknown) > 1:
            raise ValueError(
                f'the encoding "index-vectors" needs the size of each cohort: column {column!r} has no count '
                f"for {unknown[0]!r} and {unknown[1]!r}"
            )
        rest = self.n - sum(sizes.values())
        if unknown:
            sizes[unknown[0]] = max(rest, 0)
        if rest < 0 or (not unknown and rest > 0):
            self.solver.add(z3.BoolVal(False))  # the counts do not add up to n
        return dict(zip(sizes, self._vectors(list(sizes.items()), column), strict=True))

    def _vectors(self, sizes: list[tuple[object, int]], name: str) -> list[list[z3.ArithRef]]:
        # The numbers keep apart the vectors of columns and groups whose names run together.
        self.n_splits += 1
        vectors = [z3.IntVector(f"{name}_{v}_{self.n_splits}_{i}", size) for i, (v, size) in enumerate(sizes)]
        indices = [index for vector in vectors for index in vector]
        self.solver.add([z3.And(index >= 0, index < self.n) for index in indices])
        if len(indices) > 1:
            self.solver.add(z3.Distinct(indices))
        self.solver.add([a < b for vector in vectors for a, b in pairwise(vector)])
        return vectors

    def _is_in(self, index: z3.ArithRef | int, selection: dict[str, frozenset]) -> z3.BoolRef:
        tests = []
        for column, admitted in selection.items():
            if column == self.measured:
                tests.append(is_among(self.ages[index], admitted))
            else:
                cohort = [member for value in admitted for member in self.cohorts[column][value]]
                tests.append(z3.Or([index == member for member in cohort]))
        return z3.And(tests)

    def _matches(self, selection: dict[str, frozenset]) -> list[z3.BoolRef]:
        """For everybody who may match, the constraint that they do."""
        column = next((c for c in selection if c != self.measured), None)
        if column is None:
            return [self._is_in(i, selection) for i in range(self.n)]
        others = {c: admitted for c, admitted in selection.items() if c != column}
        cohort = [member for value in selection[column] for member in self.cohorts[column][value]]
        return [self._is_in(member, others) for member in cohort]

    def _add(self, s: Statistic) -> None:
        selection = self.table.selection(s)
        if s.suppressed:
            matches = self._matches(selection)
            self.solver.add(z3.Sum([z3.If(match, 1, 0) for match in matches]) < self.table.suppression_threshold)
            return
        if s.count is None:
            raise ValueError(f'statistic {s.name}: the encoding "index-vectors" needs the count of a group')
        group = self._group(s, selection)
        if len(group) == s.count:
            self._add_figures(s, group)
        else:  # another row gives this cohort another size
            self.solver.add(z3.BoolVal(False))

    def _group(self, s: Statistic, selection: dict[str, frozenset]) -> list:
        if not selection:
            return list(range(self.n))
        if len(selection) == 1:
            ((column, admitted),) = selection.items()
            if column in self.cohorts and len(admitted) == 1:
                return self.cohorts[column][next(iter(admitted))]
        group, _ = self._vectors([("inside", s.count), ("outside", self.n - s.count)], f"group {s.name}")
        self.solver.add([self._is_in(index, selection) for index in group])
        return group

    def _add_figures(self, s: Statistic, group: list) -> None:
        ages = [self.ages[index] for index in group]
        if s.mean is not None:
            # For a whole mean this reads sum / count == mean, with Z3's floor division.
            self.solver.add(z3.Sum(ages) * s.mean.denominator / s.count == s.mean.numerator)
        middle = s.count // 2
        if s.median is not None and s.count % 2:
            # The notebook's way to say ages[index] == median: writing it there changes nothing.
            self.solver.add(z3.Store(self.ages, group[middle], int(s.median)) == self.ages)
        elif s.median is not None:
            self.solver.add(ages[middle - 1] + ages[middle] == int(2 * s.median))
        if s.minimum is not None:
            self.solver.add(ages[0] == s.minimum)
        if s.maximum is not None:
            self.solver.add(ages[-1] == s.maximum)

    def read(self, model: z3.ModelRef) -> Database:
        def whole(unknown: z3.ArithRef) -> int:
            return model.eval(unknown, model_completion=True).as_long()

        values = {
            column: {whole(index): value for value, cohort in cohorts.items() for index in cohort}
            for column, cohorts in self.cohorts.items()
        }
        values[self.measured] = {i: whole(self.ages[i]) for i in range(self.n)}
        return Database(self.schema, tuple(tuple(values[c][i] for c in self.schema.columns) for i in range(self.n)))

    def forbid(self, database: Database) -> None:
        """Rule out every model that reads as this database, also with equal ages in another order."""
        records = [{c: frozenset([v]) for c, v in zip(self.schema.columns, r, strict=True)} for r in database.rows]
        self.solver.add(
            z3.Or(
                [
                    z3.Sum([z3.If(self._is_in(i, record), 1, 0) for i in range(self.n)]) != records.count(record)
                    for record in records
                ]
            )
        )


def databases(table: PublishedTable, deadline: Deadline) -> Iterator[Database]:
    """What this encoding takes for databases that fit, one by one; some may break the table.

    Parameters
    ----------
    table : what is published.
    deadline : for all of them together.

    Returns
    -------
    Iterator of Database, each once, in no order to rely on.

    Raises
    ------
    ValueError
        if the encoding cannot express the table: not exactly one integer column, a cohort whose size
        is unknown, or a group without a count.
    SolverUndecided
        when the deadline passes before the last one is known.

    Examples
    --------
    >>> from course_lib.reconstruction.schema import Schema
    >>> two = PublishedTable(Schema(age=range(0, 126)), [Statistic("all", count=2, mean=1)])
    >>> sorted(database.rows for database in databases(two, Deadline(timeout=60)))  # sums of 3 break the table
    [((0,), (2,)), ((0,), (3,)), ((1,), (1,)), ((1,), (2,))]
    """
    encoding = _IndexVectors(table)
    while deadline.is_satisfiable(encoding.solver):
        database = encoding.read(encoding.solver.model())
        yield database
        encoding.forbid(database)
