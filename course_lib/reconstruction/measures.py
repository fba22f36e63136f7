"""How much of the truth a guess holds, and how much one gets right without an attack."""

from __future__ import annotations

from collections import Counter

from course_lib.reconstruction.schema import Database
from course_lib.reconstruction.tables import PublishedTable, as_database


def cell_match(truth: Database, guess: Database) -> float:
    """The share of cells that agree, people being paired so that as many as possible do.

    max over permutations p of (1 / (n m)) sum_i sum_c [truth(i, c) = guess(p(i), c)], with m columns.

    Parameters
    ----------
    truth, guess : databases of the same n people, or frames with the same columns.

    Returns
    -------
    float in [0, 1].

    Raises
    ------
    ValueError
        if the two differ in their columns or number of people, or hold nobody.

    Examples
    --------
    >>> from course_lib.reconstruction import Schema
    >>> schema = Schema(age=range(0, 126), sex=["F", "M"])
    >>> truth = Database(schema, [(8, "F"), (18, "M")])
    >>> cell_match(truth, Database(schema, [(18, "M"), (9, "F")]))
    0.75
    """
    from scipy.optimize import linear_sum_assignment

    left, right = _rows(truth, guess)
    agree = [[sum(a == b for a, b in zip(one, other, strict=True)) for other in right] for one in left]
    rows, columns = linear_sum_assignment(agree, maximize=True)
    matching = sum(agree[i][j] for i, j in zip(rows, columns, strict=True))
    return matching / (len(left) * len(left[0]))


def record_match(truth: Database, guess: Database) -> float:
    """The share of the truth's records that the guess holds, copies counted.

    Parameters and errors as for ``cell_match``.

    Returns
    -------
    float in [0, 1].

    Examples
    --------
    >>> from course_lib.reconstruction import Schema
    >>> schema = Schema(age=range(0, 126))
    >>> record_match(Database(schema, [(8,), (8,), (30,)]), Database(schema, [(8,), (30,), (36,)]))
    0.6666666666666666
    """
    left, right = _rows(truth, guess)
    return (Counter(left) & Counter(right)).total() / len(left)


def _rows(truth: Database, guess: Database) -> tuple[list[tuple], list[tuple]]:
    columns, rows = zip(*map(_columns_and_rows, (truth, guess)), strict=True)
    if columns[0] != columns[1]:
        raise ValueError(f"the truth has the columns {columns[0]}, the guess {columns[1]}")
    if len(rows[0]) != len(rows[1]):
        raise ValueError(f"the truth holds {len(rows[0])} people, the guess {len(rows[1])}")
    if not rows[0]:
        raise ValueError("the truth holds nobody: a share of nothing is not a number")
    return rows[0], rows[1]


def _columns_and_rows(table: Database) -> tuple[list, list[tuple]]:
    if isinstance(table, Database):
        return list(table.schema.columns), list(table.rows)
    return list(table.columns), list(zip(*(table[c].tolist() for c in table.columns), strict=True))


def baseline_match(truth: Database, table: PublishedTable) -> float:
    """The ``cell_match`` of someone who reads the table but runs no attack.

    The guess has the published number of people for each value of a categorical column, the columns
    filled in independently of each other, and the published median, or else the middle of the range,
    for everybody's integer columns. An attack is worth what it gets beyond this.

    Parameters
    ----------
    truth : the people behind the table.
    table : what is published.

    Returns
    -------
    float in [0, 1].

    Examples
    --------
    >>> from course_lib.reconstruction import acm_block, acm_truth
    >>> 0.5 < baseline_match(acm_truth(), acm_block()) < 1
    True
    """
    truth = as_database(truth, table.schema)
    columns = []
    for column, values in table.schema.columns.items():
        if isinstance(values, range):
            columns.append([_published_middle(table, column, values)] * table.n)
        else:
            columns.append(_published_values(table, column, values))
    return cell_match(truth, Database(table.schema, tuple(zip(*columns, strict=True))))


def _published_middle(table: PublishedTable, column: str, values: range) -> int:
    for s in table.statistics:
        if not s.where and s.median is not None and table.measured_column(s) == column:
            return int(s.median)
    return values[len(values) // 2]


def _published_values(table: PublishedTable, column: str, values: tuple) -> list:
    """n values in the published proportions; what no row speaks of is shared out evenly."""
    counts = {
        value: s.count
        for s in table.statistics
        for value in values
        if s.count is not None and table.selection(s) == {column: frozenset([value])}
    }
    unknown = [value for value in values if value not in counts]
    listed = [value for value in values for _ in range(counts.get(value, 0))][: table.n]
    left = table.n - len(listed)
    fill = unknown or list(values)
    return listed + [fill[i * len(fill) // max(left, 1)] for i in range(left)]
