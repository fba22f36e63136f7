"""Read published statistics from a CSV file, and whole tables from a TOML file."""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import IO, Any, Protocol

from course_lib.reconstruction.rounding import Rounding
from course_lib.reconstruction.schema import Database, Schema, Where
from course_lib.reconstruction.tables import PublishedTable, Statistic

FIGURES = ("count", "median", "mean")


class _Openable(Protocol):
    def open(self, mode: str = "r", *, encoding: str | None = None, newline: str | None = None) -> IO[str]: ...


def _rows(source: str | Path | _Openable, known: tuple[str, ...], required: str) -> list[tuple[int, dict]]:
    """The rows of a CSV file with their line numbers, blank lines left out."""
    path = Path(source) if isinstance(source, str) else source
    with path.open("r", encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, skipinitialspace=True)
        header = [column.strip() for column in reader.fieldnames or []]
        reader.fieldnames = header
        for column in header:
            if column not in known:
                raise ValueError(f"row 1, column {column!r}: unknown column; known are {', '.join(known)}")
            if header.count(column) > 1:
                raise ValueError(f"row 1, column {column!r}: the column stands there twice")
        if required not in header:
            raise ValueError(f"row 1, column {required!r}: the file does not have this column")
        rows = []
        for row in reader:
            if None in row or None in row.values():
                found = sum(v is not None for k, v in row.items() if k is not None) + len(row.get(None) or [])
                column = header[min(found, len(header) - 1)]  # the first that is missing, or the last
                raise ValueError(
                    f"row {reader.line_num}, column {column!r}: {found} fields under {len(header)} column names"
                )
            rows.append((reader.line_num, {column: text.strip() for column, text in row.items()}))
    return [(number, row) for number, row in rows if any(row.values())]


def read_statistics(source: str | Path | _Openable, where: Mapping[str, Where]) -> list[Statistic]:
    """The statistics of a CSV file with the columns statistic, count, median, mean and, if wanted, name.

    Rows are counted as a text editor counts them: the header is row 1. A row whose count, median and
    mean are all blank is suppressed. A blank mean or median is not published. Decimals are read
    exactly: ``36.7`` is 367/10.

    Parameters
    ----------
    source : a path, or anything with ``open``, such as ``course_lib.datasets.data_file(name)``.
    where : statistic -> its where-dict, one for every row of the file.

    Returns
    -------
    list of Statistic in the file's order, named by the column "statistic".

    Raises
    ------
    ValueError
        naming row and column: an unknown or missing column, text in a number field, a mean or median
        without its count, a statistic twice, or a row that ``where`` does not know; also a key of
        ``where`` that no row uses.

    Examples
    --------
    >>> from course_lib.datasets import data_file
    >>> groups = {"A1": {}, "A2": {"smoker": False}, "B2": {"smoker": True}, "C2": {"employed": False},
    ...           "D2": {"employed": True}, "A3": {"married": False, "age": range(18, 125)},
    ...           "B3": {"married": True}, "A4": {"employed": False, "smoker": False}}
    >>> rows = read_statistics(data_file("census_block_statistics.csv"), groups)
    >>> rows[5].suppressed, rows[7].count, rows[7].mean
    (True, 3, Fraction(37, 1))
    """
    statistics: list[Statistic] = []
    for number, row in _rows(source, ("statistic", "name", *FIGURES), "statistic"):
        name = row["statistic"]
        if not name:
            raise ValueError(f"row {number}, column 'statistic': blank; every row needs a name")
        if name in [s.name for s in statistics]:
            raise ValueError(f"row {number}, column 'statistic': {name!r} stands on an earlier row too")
        if name not in where:
            raise ValueError(f"row {number}, column 'statistic': where= does not say whom {name!r} is about")
        figures = {column: _number(row.get(column, ""), number, column) for column in FIGURES}
        for column in ("median", "mean"):
            if figures[column] is not None and figures["count"] is None:
                raise ValueError(f"row {number}, column {column!r}: a {column} needs its count")
        suppressed = all(value is None for value in figures.values())
        try:
            statistics.append(Statistic(name, where[name], **figures, suppressed=suppressed))
        except ValueError as error:
            raise ValueError(f"row {number}, column {_blamed(error, name)!r}: {error}") from None
    unused = [name for name in where if name not in [s.name for s in statistics]]
    if unused:
        raise ValueError(f"where= names {unused[0]!r}, and no row of column 'statistic' does")
    return statistics


def _blamed(error: ValueError, name: str) -> str:
    """The column that an error of Statistic speaks of; its messages name the figure."""
    said = str(error).removeprefix(f"statistic {name}: ")
    return next((column for column in ("median", "mean") if column in said), "count")


def _number(text: str, row: int, column: str) -> Fraction | None:
    if not text:
        return None
    try:
        if set(text) & set("/_eE"):  # Fraction takes them, and 1e999999999 for hours; a published table has none
            raise ValueError
        return Fraction(text)
    except ValueError:
        raise ValueError(f"row {row}, column {column!r}: {text!r} is not a number") from None


def read_table(source: str | Path | _Openable) -> PublishedTable:
    r"""A whole published table from a declarative TOML file.

    The file has a table ``[schema]`` (column = list of values, or ``{from = 0, to = 125}``, both ends
    included), one ``[[statistic]]`` a row (the fields of ``Statistic``; in ``where`` a value, a list
    or a from-to), and may have ``suppression_threshold``, ``rounding`` (a kind, or
    ``{kind = "nearest", unit = "1/10"}``) and ``structural_zeros`` (a list of where-tables).

    Parameters
    ----------
    source : a path, or anything with ``open``.

    Returns
    -------
    PublishedTable.

    Raises
    ------
    ValueError
        for a file that is not TOML, a missing part, an unknown key, or figures that make no sense.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "block.toml"
    ...     _ = path.write_text('[schema]\nage = {from = 0, to = 125}\n[[statistic]]\nname = "1A"\ncount = 7\n')
    ...     read_table(path).n
    7
    """
    path = Path(source) if isinstance(source, str) else source
    with path.open("r", encoding="utf-8") as file:
        try:
            document = tomllib.loads(file.read())
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ValueError(f"not a TOML file: {error}") from None
    known = ("schema", "statistic", "suppression_threshold", "rounding", "structural_zeros")
    for key in document:
        if key not in known:
            raise ValueError(f"unknown key {key!r}; known are {', '.join(known)}")
    for key in ("schema", "statistic"):
        if key not in document:
            raise ValueError(f"the file has no {key!r}")
    schema = Schema(**_conditions(document["schema"], "[schema]"))
    return PublishedTable(
        schema,
        [_statistic(n, entry) for n, entry in enumerate(_tables(document["statistic"], "[[statistic]]"), 1)],
        _rounding(document.get("rounding", "exact")),
        document.get("suppression_threshold", 3),
        [_conditions(z, "structural_zeros") for z in _tables(document.get("structural_zeros", []), "structural_zeros")],
    )


def _tables(value: Any, what: str) -> list:
    if not isinstance(value, list):
        raise ValueError(f"{what} is a list of tables, not {value!r}")
    return value


def _values(value: Any) -> Any:
    """A from-to as a range that includes both ends; anything else as it is."""
    if not isinstance(value, dict):
        return value
    if set(value) != {"from", "to"} or not all(type(v) is int for v in value.values()):
        raise ValueError(f"{value!r}: a range is written {{from = 0, to = 125}}, both whole and included")
    return range(value["from"], value["to"] + 1)


def _conditions(entry: Any, what: str) -> dict[str, Any]:
    if not isinstance(entry, dict):
        raise ValueError(f"{what} holds column = values, not {entry!r}")
    return {column: _values(condition) for column, condition in entry.items()}


def _rounding(entry: Any) -> Rounding:
    if not isinstance(entry, dict):
        return Rounding(entry)
    if set(entry) - {"kind", "unit"}:
        raise ValueError(f"rounding has a kind and a unit, not {sorted(set(entry) - {'kind', 'unit'})[0]!r}")
    try:
        unit = Fraction(str(entry.get("unit", 1)))
    except (ValueError, ZeroDivisionError):
        raise ValueError(f'rounding unit {entry["unit"]!r} is not a number such as 5, 0.1 or "1/10"') from None
    return Rounding(entry.get("kind", "exact"), unit)


def _statistic(number: int, entry: Any) -> Statistic:
    if not isinstance(entry, dict) or "name" not in entry:
        raise ValueError(f"[[statistic]] number {number} has no name")
    fields = dict(entry)
    if "rounding" in fields:
        fields["rounding"] = _rounding(fields["rounding"])
    fields["where"] = _conditions(fields.get("where", {}), f"statistic {fields['name']}: where")
    try:
        return Statistic(**fields)
    except TypeError:
        unknown = sorted(set(fields) - set(Statistic.__dataclass_fields__))
        raise ValueError(f"statistic {fields['name']}: unknown key {unknown[0]!r}") from None


def read_records(source: str | Path | _Openable, schema: Schema) -> Database:
    """The truth behind a table, from a CSV file; columns that the schema does not name are left out.

    Integer columns are read as whole numbers, categorical ones by the text of their values.

    Parameters
    ----------
    source : a path, or anything with ``open``.
    schema : columns and the values to expect.

    Returns
    -------
    Database, a record a row of the file.

    Raises
    ------
    ValueError
        naming row and column, for a missing column or a value that the schema does not list.

    Examples
    --------
    >>> from course_lib.datasets import data_file
    >>> schema = Schema(age=range(1, 125), married=[False, True])
    >>> read_records(data_file("census_block_records.csv"), schema).rows[0]
    (8, False)
    """
    path = Path(source) if isinstance(source, str) else source
    with path.open("r", encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        missing = [column for column in schema.columns if column not in (reader.fieldnames or [])]
        if missing:
            raise ValueError(f"row 1, column {missing[0]!r}: the file does not have this column")
        rows = [
            tuple(_value(row[c], values, reader.line_num, c) for c, values in schema.columns.items()) for row in reader
        ]
    return Database(schema, tuple(rows))


def _value(text: str | None, values: range | tuple, row: int, column: str) -> Any:
    by_text = {str(value): value for value in values}
    if text not in by_text:
        raise ValueError(f"row {row}, column {column!r}: {text!r} is not one of the column's values")
    return by_text[text]
