"""Attacks on answers that are wrong on purpose: the closest database, and linear decoding of bits."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import product
from math import inf
from typing import TYPE_CHECKING

from course_lib.deadline import Deadline
from course_lib.reconstruction.recompute import violations
from course_lib.reconstruction.schema import Database
from course_lib.reconstruction.solving import Reconstruction, reconstruct
from course_lib.reconstruction.tables import PublishedTable, Statistic

if TYPE_CHECKING:
    import numpy as np

LARGEST_SPACE = 200_000  # different records; a table of unknowns beyond this does not fit a small machine


def closest_database(table: PublishedTable, loss: str = "L1", timeout: float | None = None) -> Reconstruction:
    """The database whose own statistics differ least from the published ones.

    An integer linear program over how often each possible record occurs. The L1 loss adds up, over
    all published figures: for a count ``abs(count - published)``; for a mean the distance of the sum from
    the published one, divided by the count; for a median the people missing from either half; for a
    minimum or maximum the people beyond it and, if nobody has it, one. n and the structural zeros
    are taken as true.

    Parameters
    ----------
    table : published statistics, some of them noisy.
    loss : "L1", the maximum-likelihood choice for geometric noise.
    timeout : seconds, or None.

    Returns
    -------
    Reconstruction. Status "consistent" if the database fits the table, "contradictory" if the loss is
    proved to be above 0 for all databases, "unknown" if the time ran out (``database`` is then the
    best one found, or None). ``violations`` names the rows that the database breaks.

    Raises
    ------
    ValueError
        for another loss, or a schema with more than 200,000 different records.

    Examples
    --------
    >>> from course_lib.reconstruction import Schema
    >>> rows = [Statistic("all", count=3), Statistic("F", {"sex": "F"}, count=3), Statistic("M", {"sex": "M"}, count=1)]
    >>> noisy = PublishedTable(Schema(sex=["F", "M"]), rows + [Statistic("not M", {"sex": ["F"]}, count=3)])
    >>> result = closest_database(noisy)                       # 3 + 1 people do not make 3
    >>> result.status, result.database.rows, result.violations
    ('contradictory', (('F',), ('F',), ('F',)), ('M',))
    """
    import numpy as np
    from scipy.optimize import Bounds, LinearConstraint, milp
    from scipy.sparse import csr_array, eye_array, hstack

    if loss != "L1":
        raise ValueError(f'unknown loss {loss!r}; the one there is is "L1"')
    deadline = Deadline(timeout)
    records = _possible_records(table)
    if not records:
        return Reconstruction(None, "contradictory", deadline.seconds)
    rows, low, high, weights = _soft_constraints(table, records)
    # Records that no statistic tells apart share one unknown.
    distinct, first = np.unique(rows, axis=1, return_index=True)
    n_cells, n_rows = distinct.shape[1], len(weights)
    # low <= (row of figures) + short - over <= high, at the price of weight * (short + over).
    figures = hstack([csr_array(distinct), eye_array(n_rows), -eye_array(n_rows)])
    everybody = csr_array(np.concatenate([np.ones(n_cells), np.zeros(2 * n_rows)])[None])
    found = milp(
        np.concatenate([np.zeros(n_cells), weights, weights]),
        constraints=[LinearConstraint(figures, low, high), LinearConstraint(everybody, table.n, table.n)],
        integrality=np.concatenate([np.ones(n_cells), np.zeros(2 * n_rows)]),
        bounds=Bounds(0, inf),
        options={} if timeout is None else {"time_limit": timeout},
    )
    if found.x is None:
        return Reconstruction(None, "unknown", deadline.seconds)
    counts = np.rint(found.x[:n_cells]).astype(int)
    rebuilt = Database(table.schema, tuple(records[i] for i, k in zip(first, counts, strict=True) for _ in range(k)))
    broken = violations(table, rebuilt)
    if not broken:
        return Reconstruction(rebuilt, "consistent", deadline.seconds)
    if found.status != 0:
        return Reconstruction(rebuilt, "unknown", deadline.seconds, broken)
    if found.fun * table.n < 0.5:
        # Loss 0 and yet a row is broken: an even median, of which the loss sees both halves only.
        exact = reconstruct(table, timeout=timeout)
        if exact.database is not None:
            return replace(exact, seconds=deadline.seconds)
        return Reconstruction(rebuilt, exact.status, deadline.seconds, broken)
    return Reconstruction(rebuilt, "contradictory", deadline.seconds, broken)


def _possible_records(table: PublishedTable) -> list[tuple]:
    size = 1
    for values in table.schema.columns.values():
        size *= len(values)
    if size > LARGEST_SPACE:
        raise ValueError(f"the schema has {size:,} different records; up to {LARGEST_SPACE:,} can be searched")
    zeros = table.zero_selections()
    return [
        record
        for record in product(*table.schema.columns.values())
        if not any(table.schema.matches(record, zero) for zero in zeros)
    ]


def _soft_constraints(table: PublishedTable, records: list[tuple]) -> tuple[np.ndarray, ...]:
    """Rows of figures over the records, with the interval each should lie in and its weight."""
    import numpy as np

    rows, low, high, weights = [], [], [], []

    def want(row: np.ndarray, at_least: float, at_most: float, weight: float = 1.0) -> None:
        for column, value in ((rows, row), (low, at_least), (high, at_most), (weights, weight)):
            column.append(value)

    columns = list(table.schema.columns)

    @cache
    def admitted(column: str, values: frozenset) -> np.ndarray:
        place = columns.index(column)
        return np.array([record[place] in values for record in records], dtype=float)

    for s in table.statistics:
        inside = np.ones(len(records))
        for column, values in table.selection(s).items():
            inside = inside * admitted(column, values)
        if s.suppressed:
            want(inside, -inf, table.suppression_threshold - 1)
        if s.count is not None and s.where:
            want(inside, s.count, s.count)
        if s.mean is s.median is s.minimum is s.maximum is None:
            continue
        place = columns.index(table.measured_column(s))
        values = np.array([record[place] for record in records])
        _want_order(want, s, inside, values)
        if s.mean is not None:
            sums = table.sums(s)
            want(inside * values, sums[0], sums[-1], 1 / s.count)
    figures = np.array(rows).reshape(len(rows), len(records))  # also when nothing but n is published
    return figures, np.array(low), np.array(high), np.array(weights)


def _want_order(want, s: Statistic, inside: np.ndarray, values: np.ndarray) -> None:
    if s.median is not None:
        half = (s.count + 1) // 2
        want(inside * (values <= float(s.median)), half, inf)
        want(inside * (values >= float(s.median)), half, inf)
    for bound, sign in ((s.minimum, -1), (s.maximum, 1)):
        if bound is not None:
            want(inside * (sign * values > sign * bound), -inf, 0)
            want(inside * (values == bound), 1, inf)


def linear_reconstruction(queries: np.ndarray, answers: np.ndarray) -> np.ndarray:
    """Rebuild secret bits from noisy counts of subsets: linear decoding (Dinur and Nissim 2003).

    Minimises ``sum_j abs(q_j . x - a_j)`` over x in [0, 1]^n by linear programming and rounds x to bits.

    Parameters
    ----------
    queries : (n_queries, n) of 0 and 1; row j says which people query j counts.
    answers : (n_queries,) real numbers.

    Returns
    -------
    (n,) int64 of 0 and 1.

    Raises
    ------
    ValueError
        if the shapes do not agree, a query holds anything but 0 and 1, or an answer is not finite.

    Examples
    --------
    >>> linear_reconstruction([[1, 1, 0], [0, 1, 1], [1, 0, 1]], [1.2, 1.1, 1.9]).tolist()
    [1, 0, 1]
    """
    import numpy as np
    from scipy.optimize import linprog
    from scipy.sparse import csr_array, eye_array, hstack

    q, a = np.asarray(queries, dtype=float), np.asarray(answers, dtype=float)
    if q.ndim != 2 or a.shape != (len(q),) or q.size == 0:
        raise ValueError(f"queries of shape {q.shape} and answers of shape {a.shape}: want (m, n) and (m,), m, n > 0")
    if not np.isin(q, (0, 1)).all():
        raise ValueError("queries hold 0 and 1 only: who is counted")
    if not np.isfinite(a).all():
        raise ValueError("answers are finite numbers")
    n_queries, n = q.shape
    errors = eye_array(n_queries)
    found = linprog(
        np.concatenate([np.zeros(n), np.ones(2 * n_queries)]),
        A_eq=hstack([csr_array(q), errors, -errors]),
        b_eq=a,
        bounds=[(0, 1)] * n + [(0, None)] * (2 * n_queries),
    )
    return (found.x[:n] > 0.5).astype(np.int64)
