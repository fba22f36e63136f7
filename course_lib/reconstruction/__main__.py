"""Explain a published table to people: how many databases fit, what is certain, what conflicts.

``python -m course_lib.reconstruction TABLE.toml`` reads a declarative table (see ``read_table``);
``--example`` attacks the course's own, with seven suppressed rows out of fourteen.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from course_lib.reconstruction.blocks import acm_block
from course_lib.reconstruction.certainty import certain_records
from course_lib.reconstruction.contradictions import explain_contradiction
from course_lib.reconstruction.reading import read_table
from course_lib.reconstruction.schema import Database
from course_lib.reconstruction.solving import count_databases, reconstruct
from course_lib.reconstruction.tables import PublishedTable


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit status: 0, or 1 for a table that cannot be read.

    Parameters
    ----------
    arguments : the words after the command's name; None for those of the command line.

    Examples
    --------
    >>> main(["nowhere.toml"])  # said on standard error: there is no such file
    1
    """
    parser = argparse.ArgumentParser(prog="python -m course_lib.reconstruction", description=__doc__.split("\n")[0])
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("table", nargs="?", type=Path, help="a TOML file with [schema] and [[statistic]] parts")
    source.add_argument("--example", action="store_true", help="attack the block of Garfinkel et al. (2019)")
    parser.add_argument("--limit", type=int, default=1000, help="count no further than this (1000)")
    parser.add_argument("--timeout", type=float, default=60, help="seconds to count (60)")
    options = parser.parse_args(arguments)
    try:
        table = acm_block() if options.example else read_table(options.table)
        print("\n".join(report(table, options.limit, options.timeout)))
    except (OSError, ValueError) as error:
        print(f"{options.table or 'example'}: {error}", file=sys.stderr)
        return 1
    return 0


def report(table: PublishedTable, limit: int = 1000, timeout: float = 60) -> list[str]:
    """The findings on a table as lines of plain text.

    Parameters
    ----------
    limit : count no further than this many databases.
    timeout : seconds for the count.

    Examples
    --------
    >>> from course_lib.reconstruction import census_block
    >>> report(census_block())[2]
    '5 databases fit; these 5 of 7 records are in every one of them:'
    """
    suppressed = sum(s.suppressed for s in table.statistics)
    lines = [f"{len(table.statistics)} statistics about {table.n} people, {suppressed} of them suppressed.", ""]
    count = count_databases(table, limit, timeout)
    if count.exact and count.value == 0:
        conflict = explain_contradiction(table)
        if not conflict:
            return [*lines, "No database fits: the structural zeros leave no record possible."]
        return [*lines, "No database fits. These figures conflict, and would not if any one were left out:", *conflict]
    if not count.exact and count.value < limit:
        return [*lines, f"Undecided after {timeout:g} s: {count} databases fit. Nothing is claimed to be certain."]
    if count.exact and count.value == 1:
        return [*lines, "One database fits. These are the people:", *_aligned(reconstruct(table).database)]
    records = [tuple(row) for row in certain_records(table).itertuples(index=False)]
    certain = f"these {len(records)} of {table.n} records are" if records else "no record is"
    certain = certain if len(records) != 1 else f"this one of {table.n} records is"
    heading = f"{count} databases fit; {certain} in every one of them{':' if records else '.'}"
    return [*lines, heading, *_aligned(Database(table.schema, tuple(records)))]


def _aligned(database: Database) -> list[str]:
    if not len(database):
        return []
    lines = [list(database.schema.columns), *([str(v) for v in row] for row in database.rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return ["  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip() for line in lines]


if __name__ == "__main__":
    sys.exit(main())
