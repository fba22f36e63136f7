"""Rebuild a database from its published table, list all that fit, and count them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from course_lib.deadline import Deadline, SolverUndecided
from course_lib.reconstruction import direct, head_counts, index_vectors
from course_lib.reconstruction.recompute import violations
from course_lib.reconstruction.schema import Database
from course_lib.reconstruction.tables import PublishedTable

ENCODINGS = {
    "head-counts": head_counts.databases,
    "direct": direct.databases,
    "index-vectors": index_vectors.databases,
}


@dataclass(frozen=True)
class Reconstruction:
    """What the solver made of a table.

    Parameters
    ----------
    database : a database that fits, or None.
    status : "consistent", "contradictory" (proved: no database fits) or "unknown" (time is up).
    seconds : wall-clock time.
    violations : names of published statistics that ``database`` breaks; empty unless the encoding
        is "index-vectors", whose flaws the course studies, or the table is noisy.

    Examples
    --------
    >>> Reconstruction(None, "contradictory", seconds=0.1).database is None
    True
    """

    database: Database | None
    status: str
    seconds: float = field(compare=False)
    violations: tuple[str, ...] = ()


@dataclass(frozen=True)
class DatabaseCount:
    """How many databases fit: exactly ``value``, or at least ``value`` where not ``exact``.

    Examples
    --------
    >>> print(DatabaseCount(5, exact=True), DatabaseCount(500, exact=False))
    5 at least 500
    """

    value: int
    exact: bool

    def __str__(self) -> str:
        return f"{self.value}" if self.exact else f"at least {self.value}"


def reconstruct(table: PublishedTable, encoding: str = "head-counts", timeout: float | None = None) -> Reconstruction:
    """Rebuild one database from what was published about it.

    Parameters
    ----------
    table : what was published.
    encoding : "head-counts" (scales to a hundred people), "direct" (an age and attributes per person,
        the readable one) or "index-vectors" (a well-known notebook's, kept with its flaws).
    timeout : seconds, or None.

    Returns
    -------
    Reconstruction. Which of several fitting databases comes first differs between builds of Z3.

    Raises
    ------
    ValueError
        for an unknown encoding, a timeout that is not above 0, or a table that "index-vectors"
        cannot express.

    Examples
    --------
    >>> from course_lib.reconstruction import acm_block
    >>> reconstruct(acm_block()).database.rows[0]
    (8, 'F', 'B', 'S')
    """
    if encoding not in ENCODINGS:
        raise ValueError(f"unknown encoding {encoding!r}; choose one of {', '.join(ENCODINGS)}")
    deadline = Deadline(timeout)
    try:
        database = next(ENCODINGS[encoding](table, deadline), None)
    except SolverUndecided:
        return Reconstruction(None, "unknown", deadline.seconds)
    if database is None:
        return Reconstruction(None, "contradictory", deadline.seconds)
    return Reconstruction(database, "consistent", deadline.seconds, violations(table, database))


def databases(table: PublishedTable, limit: int | None = None, timeout: float | None = None) -> Iterator[Database]:
    """Every database that fits the table, each a different multiset of records, in no fixed order.

    Parameters
    ----------
    limit : stop after so many; at least 1.
    timeout : seconds for all together, or None.

    Raises
    ------
    ValueError
        for a limit below 1 or a timeout that is not above 0; at the call, not at the first item.
    SolverUndecided
        while iterating, when the time is up before the last one is known.

    Examples
    --------
    >>> from course_lib.reconstruction import acm_block
    >>> sum(1 for _ in databases(acm_block().without("4A")))
    2
    """
    _require_limit(limit)
    return islice(head_counts.databases(table, Deadline(timeout)), limit)


def count_databases(table: PublishedTable, limit: int | None = None, timeout: float | None = None) -> DatabaseCount:
    """How many databases fit the table.

    Parameters
    ----------
    limit : count no further than this many.
    timeout : seconds, or None.

    Returns
    -------
    DatabaseCount; ``exact`` only if the solver proved that there is no further one.

    Examples
    --------
    >>> from course_lib.reconstruction import acm_block
    >>> str(count_databases(acm_block())), str(count_databases(acm_block().without("3B"), limit=5))
    ('1', 'at least 5')
    """
    _require_limit(limit)
    value = 0
    try:
        # One more than the limit: only then is it known whether the limit was all there is.
        for _ in databases(table, None if limit is None else limit + 1, timeout):
            value += 1
    except SolverUndecided:
        return DatabaseCount(value if limit is None else min(value, limit), exact=False)
    if limit is not None and value > limit:
        return DatabaseCount(limit, exact=False)
    return DatabaseCount(value, exact=True)


def _require_limit(limit: int | None) -> None:
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 1):
        raise ValueError(f"limit is a whole number from 1, or None, not {limit!r}")


def is_unique(table: PublishedTable, timeout: float | None = None) -> bool:
    """Whether exactly one database fits: the table publishes its people.

    Parameters
    ----------
    table : what is published.
    timeout : seconds above 0, or None.

    Raises
    ------
    SolverUndecided
        when the time is up before one or two were found; never guesses.

    Examples
    --------
    >>> from course_lib.reconstruction import acm_block
    >>> is_unique(acm_block()), is_unique(acm_block().without("4A"))
    (True, False)
    """
    return len(list(databases(table, limit=2, timeout=timeout))) == 1
