"""The readable encoding: for each person one unknown a column, sorted so that nobody is counted twice."""

from __future__ import annotations

from collections.abc import Iterator

import z3

from course_lib.deadline import Deadline
from course_lib.reconstruction.constraints import at_most, is_among, median_is
from course_lib.reconstruction.schema import Database
from course_lib.reconstruction.tables import PublishedTable, Statistic


class People:
    """n people as unknowns: an Int an integer column, a Bool a two-valued column, an Int code any other.

    Person 0 is the first in the order of ``Database.rows``, and so on: each multiset of records has
    one model only.

    Parameters
    ----------
    table : what was published; ``background`` holds its schema, n and structural zeros as constraints,
        ``atoms`` one list of constraints a published figure: "2B.count", "2B.mean", "2B.suppressed".

    Examples
    --------
    >>> from course_lib.reconstruction import acm_block
    >>> sorted(People(acm_block()).atoms)[:4]
    ['1A.mean', '1A.median', '2A.count', '2A.mean']
    """

    def __init__(self, table: PublishedTable) -> None:
        self.table, self.schema = table, table.schema
        self.rows = [{column: self._unknown(column, i) for column in self.schema.columns} for i in range(table.n)]
        self.background = self._background()
        self.atoms: dict[str, list[z3.BoolRef]] = {}
        for statistic in table.statistics:
            self._add(statistic)

    def _unknown(self, column: str, person: int) -> z3.ExprRef:
        values, name = self.schema.columns[column], f"{column}_{person}"
        return z3.Bool(name) if self._is_two_valued(values) else z3.Int(name)

    @staticmethod
    def _is_two_valued(values: range | tuple) -> bool:
        return not isinstance(values, range) and len(values) == 2

    def _code(self, row: dict, column: str) -> z3.ArithRef:
        """Where the person's value stands in the column's order."""
        unknown = row[column]
        return z3.If(unknown, 1, 0) if z3.is_bool(unknown) else unknown

    def is_value(self, row: dict, column: str, value: object) -> z3.BoolRef:
        """The constraint that a person has this value."""
        unknown, values = row[column], self.schema.columns[column]
        if isinstance(values, range):
            return unknown == value
        if z3.is_bool(unknown):
            return unknown if value == values[1] else z3.Not(unknown)
        return unknown == values.index(value)

    def is_in(self, row: dict, selection: dict[str, frozenset]) -> z3.BoolRef:
        """The constraint that a person matches a selection."""
        tests = []
        for column, admitted in selection.items():
            values = self.schema.columns[column]
            if isinstance(values, range):
                tests.append(is_among(row[column], admitted))
            elif len(admitted) < len(values):
                tests.append(z3.Or([self.is_value(row, column, value) for value in values if value in admitted]))
        return z3.And(tests)

    def is_record(self, row: dict, record: tuple) -> z3.BoolRef:
        """The constraint that a person has exactly this record."""
        return z3.And([self.is_value(row, c, v) for c, v in zip(self.schema.columns, record, strict=True)])

    def _background(self) -> list[z3.BoolRef]:
        constraints = []
        for row in self.rows:
            for column, values in self.schema.columns.items():
                if not z3.is_bool(row[column]):
                    low, high = (values[0], values[-1]) if isinstance(values, range) else (0, len(values) - 1)
                    constraints += [row[column] >= low, row[column] <= high]
            constraints += [z3.Not(self.is_in(row, zero)) for zero in self.table.zero_selections()]
        codes = [[self._code(row, column) for column in self.schema.columns] for row in self.rows]
        constraints += [at_most(a, b) for a, b in zip(codes, codes[1:], strict=False)]
        return constraints

    def _add(self, s: Statistic) -> None:
        inside = [self.is_in(row, self.table.selection(s)) for row in self.rows]
        # Of nobody (n = 0) every count is true, and Z3 counts no empty lists.
        if s.suppressed:
            limit = self.table.suppression_threshold - 1
            self.atoms[f"{s.name}.suppressed"] = [z3.AtMost(*inside, limit)] if inside else []
            return
        size = []
        if s.count is not None:
            size = [z3.PbEq([(member, 1) for member in inside], s.count)] if inside else []
            if s.where:  # that everybody is n people is background
                self.atoms[f"{s.name}.count"] = size
        if s.mean is s.median is s.minimum is s.maximum is None:
            return
        column = self.table.measured_column(s)
        ages = [row[column] for row in self.rows]
        if s.mean is not None:
            total = z3.Sum([z3.If(member, age, 0) for member, age in zip(inside, ages, strict=True)])
            sums = self.table.sums(s)
            self.atoms[f"{s.name}.mean"] = [*size, total >= sums[0], total <= sums[-1]]
        if s.median is not None:
            self.atoms[f"{s.name}.median"] = size + median_is(s, ages, inside)
        for measure, bound in (("minimum", s.minimum), ("maximum", s.maximum)):
            if bound is not None:
                attained = z3.Or([z3.And(m, a == bound) for m, a in zip(inside, ages, strict=True)])
                beyond = [(a < bound) if measure == "minimum" else (a > bound) for a in ages]
                nobody_beyond = [z3.Not(z3.And(m, b)) for m, b in zip(inside, beyond, strict=True)]
                self.atoms[f"{s.name}.{measure}"] = [attained, *nobody_beyond]

    def solver(self) -> z3.Solver:
        """A solver that holds everything published."""
        solver = z3.SimpleSolver()
        solver.add(self.background)
        for constraints in self.atoms.values():
            solver.add(constraints)
        return solver

    def read(self, model: z3.ModelRef) -> Database:
        """The database of a model."""
        return Database(self.schema, tuple(tuple(self._value(model, row, c) for c in row) for row in self.rows))

    def _value(self, model: z3.ModelRef, row: dict, column: str) -> object:
        found, values = model.eval(row[column], model_completion=True), self.schema.columns[column]
        if isinstance(values, range):
            return found.as_long()
        return values[int(z3.is_true(found)) if z3.is_bool(found) else found.as_long()]


def databases(table: PublishedTable, deadline: Deadline) -> Iterator[Database]:
    """Every database that fits, one by one.

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
    >>> from course_lib.reconstruction.schema import Schema
    >>> two = PublishedTable(Schema(age=range(0, 126)), [Statistic("all", count=2, mean=1)])
    >>> sorted(database.rows for database in databases(two, Deadline(timeout=60)))
    [((0,), (2,)), ((1,), (1,))]
    """
    people = People(table)
    solver = people.solver()
    while deadline.is_satisfiable(solver):
        database = people.read(solver.model())
        yield database
        same = [people.is_record(row, record) for row, record in zip(people.rows, database.rows, strict=True)]
        solver.add(z3.Not(z3.And(same)))
