"""Publish a database again and compare: the check that needs no solver."""

from __future__ import annotations

from fractions import Fraction
from statistics import median

from course_lib.reconstruction.schema import Database
from course_lib.reconstruction.tables import PublishedTable, Statistic


def violations(table: PublishedTable, database: Database) -> tuple[str, ...]:
    """The names of the published statistics that a database breaks, in the table's order.

    A database fits a table if and only if this is empty and it meets every structural zero; those
    are named "structural zero 1" and so on. Recomputes with plain Python numbers.

    Parameters
    ----------
    table : what was published.
    database : any database over the same schema.

    Returns
    -------
    tuple of names; empty if every published figure comes out again.

    Examples
    --------
    >>> from course_lib.reconstruction import Schema, Statistic
    >>> schema = Schema(age=range(0, 126))
    >>> table = PublishedTable(schema, [Statistic("1A", count=2, mean=9), Statistic("1B", median=9, count=2)])
    >>> violations(table, Database(schema, [(8,), (11,)]))
    ('1A', '1B')
    """
    broken = [s.name for s in table.statistics if not _holds(table, s, database)]
    for number, zero in enumerate(table.zero_selections(), 1):
        if any(database.schema.matches(row, zero) for row in database.rows):
            broken.append(f"structural zero {number}")
    return tuple(broken)


def _holds(table: PublishedTable, s: Statistic, database: Database) -> bool:
    selection = table.selection(s)
    group = [row for row in database.rows if database.schema.matches(row, selection)]
    if s.suppressed:
        return len(group) < table.suppression_threshold
    if s.count is not None and len(group) != s.count:
        return False
    if s.mean is s.median is s.minimum is s.maximum is None:
        return True
    position = list(database.schema.columns).index(table.measured_column(s))
    values = [row[position] for row in group]
    return bool(values) and all(
        published is None or found
        for published, found in [
            (s.mean, s.mean is not None and _is_published_as(table, s, values)),
            (s.median, median(map(Fraction, values)) == s.median),
            (s.minimum, min(values) == s.minimum),
            (s.maximum, max(values) == s.maximum),
        ]
    )


def _is_published_as(table: PublishedTable, s: Statistic, values: list[int]) -> bool:
    rounding, true_mean = table.rounding_of(s), Fraction(sum(values), len(values))
    if rounding.kind == "within":
        return abs(true_mean - s.mean) <= Fraction(rounding.unit) / 2
    return rounding.publish(true_mean) == s.mean
