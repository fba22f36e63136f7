"""What a table gives away for certain: cells and records that every fitting database shares."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING

import z3

from course_lib.deadline import Deadline
from course_lib.reconstruction import head_counts
from course_lib.reconstruction.direct import People
from course_lib.reconstruction.schema import Database
from course_lib.reconstruction.tables import PublishedTable

if TYPE_CHECKING:
    import pandas as pd

# Up to so many databases it is quicker to list them all than to ask about each cell.
LISTED = 100


def certain_cells(table: PublishedTable) -> pd.DataFrame:
    """The table that all fitting databases agree on, cell by cell.

    People are sorted by the columns in schema order, each column's values in the order in which the
    schema lists them; cell (i, c) is certain if person i has the same value in column c in every
    database that fits.

    Parameters
    ----------
    table : what is published.

    Returns
    -------
    DataFrame of dtype object, index 0..n-1, columns in schema order; ``pandas.NA`` where not certain.

    Raises
    ------
    ValueError
        if the table is contradictory: then no database fits, and nothing can be said of its people.

    Examples
    --------
    >>> from course_lib.reconstruction import census_block
    >>> cells = certain_cells(census_block())
    >>> int(cells.notna().sum().sum()), cells.loc[0, "age"], cells.loc[1, "age"]
    (26, 8, <NA>)
    """
    import pandas as pd

    cells = _shared(table, _all_cells, _cells_in)
    frame = pd.DataFrame(pd.NA, index=range(table.n), columns=list(table.schema.columns), dtype=object)
    for person, column, value in cells:
        frame.at[person, column] = value
    return frame


def certain_records(table: PublishedTable) -> pd.DataFrame:
    """The records that are in every fitting database, each as often as it is in all of them.

    Parameters
    ----------
    table : what is published.

    Returns
    -------
    DataFrame in the order of ``Database.rows``, columns in schema order; empty if none is certain.

    Raises
    ------
    ValueError
        if the table is contradictory.

    Examples
    --------
    >>> from course_lib.reconstruction import census_block
    >>> certain_records(census_block())["age"].tolist()
    [8, 24, 30, 36, 66]
    """
    records = _shared(table, _all_records, _records_in)
    rows = sorted((record for record, _ in records), key=table.schema.sort_key)
    import pandas as pd

    return pd.DataFrame(rows, columns=list(table.schema.columns))


def _all_cells(database: Database) -> set[tuple]:
    columns = list(database.schema.columns)
    return {
        (i, column, value) for i, row in enumerate(database.rows) for column, value in zip(columns, row, strict=True)
    }


def _cells_in(people: People, cells: set[tuple]) -> z3.BoolRef:
    return z3.And([people.is_value(people.rows[i], column, value) for i, column, value in cells])


def _all_records(database: Database) -> set[tuple]:
    """Each record with a number, 1 for its first copy: the k-th copy is shared if k copies are."""
    return {(record, k) for record, copies in Counter(database.rows).items() for k in range(1, copies + 1)}


def _records_in(people: People, records: set[tuple]) -> z3.BoolRef:
    copies = Counter(record for record, _ in records)
    return z3.And(
        [z3.AtLeast(*[people.is_record(row, record) for row in people.rows], k) for record, k in copies.items()]
    )


def _shared(table: PublishedTable, facts_of, hold) -> set[tuple]:
    """The facts true of every fitting database: start from one database's, drop what another breaks."""
    found = list(islice(head_counts.databases(table, Deadline()), LISTED + 1))
    if not found:
        raise ValueError("the table is contradictory: no database fits it; see explain_contradiction")
    shared = set.intersection(*map(facts_of, found))
    if len(found) <= LISTED:
        return shared
    people = People(table)
    solver = people.solver()
    while shared:
        solver.push()
        solver.add(z3.Not(hold(people, shared)))
        if not Deadline().is_satisfiable(solver):
            break
        shared &= facts_of(people.read(solver.model()))
        solver.pop()
    return shared
