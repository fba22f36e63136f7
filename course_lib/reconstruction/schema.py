"""What a table is about: its columns, the values each may take, and sets of records over them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

Where = Mapping[str, Any]


class Schema:
    """The columns of a table and the values each column may take.

    Parameters
    ----------
    **columns : one keyword a column. A ``range`` (step 1) makes an integer column, both of its ends
        being knowledge of the attacker's; a list makes a categorical column with those values.

    Raises
    ------
    ValueError
        if there is no column, a column has no value, repeats one, or is given as a bare string.

    Examples
    --------
    >>> schema = Schema(age=range(0, 126), sex=["F", "M"])
    >>> schema.integer_columns, schema.categorical_columns
    (('age',), ('sex',))
    >>> Schema(sex="FM")
    Traceback (most recent call last):
        ...
    ValueError: column 'sex': give a range or a list of values, not 'FM'
    """

    def __init__(self, /, **columns: range | Iterable[Any]) -> None:
        if not columns:
            raise ValueError("a schema needs at least one column")
        self.columns: dict[str, range | tuple[Any, ...]] = {}
        for column, values in columns.items():
            if isinstance(values, str) or not isinstance(values, Iterable):
                raise ValueError(f"column {column!r}: give a range or a list of values, not {values!r}")
            values = values if isinstance(values, range) else tuple(values)
            if isinstance(values, range) and values.step != 1:
                raise ValueError(f"column {column!r}: a range must have step 1, not {values.step}")
            if len(values) == 0:
                raise ValueError(f"column {column!r} has no value")
            if len(set(values)) < len(values):
                raise ValueError(f"column {column!r} lists a value twice")
            self.columns[column] = values
        self.integer_columns = tuple(c for c, v in self.columns.items() if isinstance(v, range))
        self.categorical_columns = tuple(c for c in self.columns if c not in self.integer_columns)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Schema) and list(self.columns.items()) == list(other.columns.items())

    def __hash__(self) -> int:
        return hash(tuple(self.columns.items()))

    def __repr__(self) -> str:
        listed = (f"{c}={v if isinstance(v, range) else list(v)}" for c, v in self.columns.items())
        return f"Schema({', '.join(listed)})"

    def selection(self, where: Where, owner: str) -> dict[str, frozenset]:
        """The values that ``where`` admits, column by column.

        Parameters
        ----------
        where : column -> one value, a range or a list of values; a range is cut to the column's range.
        owner : who asks, for the message of an error: "statistic 2B".

        Returns
        -------
        dict with the columns of ``where`` only; a record matches if each of its values is in the set.

        Raises
        ------
        ValueError
            for an unknown column or value, or a condition that no value meets.

        Examples
        --------
        >>> Schema(age=range(0, 20), sex=["F", "M"]).selection({"age": range(18, 126)}, "statistic 2B")
        {'age': frozenset({18, 19})}
        """
        admitted = {}
        for column, condition in where.items():
            if column not in self.columns:
                near = get_close_matches(str(column), self.columns, n=1)
                hint = f"did you mean {near[0]!r}?" if near else f"the columns are {list(self.columns)}"
                raise ValueError(f"{owner}: unknown column {column!r}; {hint}")
            values = self.columns[column]
            if isinstance(condition, range) and isinstance(values, range):
                chosen = [v for v in values if v in condition]
            else:
                listed = isinstance(condition, Iterable) and not isinstance(condition, str)
                chosen = list(condition) if listed else [condition]
                for value in chosen:
                    if value not in values:
                        shown = values if isinstance(values, range) else list(values)
                        raise ValueError(f"{owner}: column {column!r} has no value {value!r}, only {shown}")
            if not chosen:
                raise ValueError(f"{owner}: no value of column {column!r} is in {condition!r}")
            # The schema's own values: the solver reads no numpy number.
            admitted[column] = frozenset(values[values.index(value)] for value in chosen)
        return admitted

    def matches(self, record: tuple, selection: Mapping[str, frozenset]) -> bool:
        """Whether a record, in schema order, lies in a ``selection``.

        Parameters
        ----------
        record : values in schema order.
        selection : column -> admitted values, as ``selection`` gives it.

        Examples
        --------
        >>> schema = Schema(age=range(0, 126), sex=["F", "M"])
        >>> schema.matches((8, "F"), schema.selection({"sex": "F", "age": range(0, 5)}, "3A"))
        False
        """
        named = dict(zip(self.columns, record, strict=True))
        return all(named[column] in values for column, values in selection.items())

    def sort_key(self, record: tuple) -> tuple[int, ...]:
        """Where a record stands in the order of databases: column by column, in the listed order.

        Parameters
        ----------
        record : values in schema order.

        Raises
        ------
        ValueError
            if the record has too many or too few values, or one that its column does not have.

        Examples
        --------
        >>> Schema(age=range(0, 126), sex=["F", "M"]).sort_key((8, "M"))
        (8, 1)
        """
        if len(record) != len(self.columns):
            raise ValueError(f"record {record!r} has {len(record)} values for columns {list(self.columns)}")
        for (column, values), value in zip(self.columns.items(), record, strict=True):
            if value not in values:
                raise ValueError(f"record {record!r}: column {column!r} has no value {value!r}")
        return tuple(values.index(value) for values, value in zip(self.columns.values(), record, strict=True))


@dataclass(frozen=True)
class Database:
    """A multiset of records; two databases are equal when they hold the same records equally often.

    Parameters
    ----------
    schema : the columns.
    rows : records as tuples in schema order, in any order; stored sorted by the columns in schema
        order, each column's values in the order in which the schema lists them.

    Raises
    ------
    ValueError
        if a record does not fit the schema.

    Examples
    --------
    >>> schema = Schema(age=range(0, 126), sex=["F", "M"])
    >>> Database(schema, [(18, "M"), (8, "F")]).rows
    ((8, 'F'), (18, 'M'))
    >>> Database(schema, [(8, "F"), (8, "F")]) == Database(schema, [(8, "F")])
    False
    """

    schema: Schema
    rows: tuple[tuple, ...]

    def __post_init__(self) -> None:
        # Stored as the schema's own values: 8, whether it came as 8.0 or as a numpy number.
        places = sorted(self.schema.sort_key(tuple(row)) for row in self.rows)
        columns = self.schema.columns.values()
        rows = tuple(tuple(values[i] for values, i in zip(columns, place, strict=True)) for place in places)
        object.__setattr__(self, "rows", rows)

    @classmethod
    def from_frame(cls, schema: Schema, frame: pd.DataFrame) -> Database:
        """The database held by a pandas frame; columns that the schema does not name are left out.

        Parameters
        ----------
        schema : the columns to keep.
        frame : a row a person.

        Raises
        ------
        ValueError
            for a missing column, or a value that its column does not have.

        Examples
        --------
        >>> import pandas as pd
        >>> frame = pd.DataFrame({"name": ["Ann"], "age": [8], "sex": ["F"]})
        >>> Database.from_frame(Schema(age=range(0, 126), sex=["F", "M"]), frame).rows
        ((8, 'F'),)
        """
        missing = [column for column in schema.columns if column not in frame.columns]
        if missing:
            raise ValueError(f"the frame has no column {missing[0]!r}; it has {list(frame.columns)}")
        columns = [frame[column].tolist() for column in schema.columns]  # plain Python values
        return cls(schema, tuple(zip(*columns, strict=True)))

    @property
    def frame(self) -> pd.DataFrame:
        """The records as a pandas frame, one row a person, columns in schema order."""
        import pandas as pd

        return pd.DataFrame(self.rows, columns=list(self.schema.columns))

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        return f"Database({len(self)} records: {', '.join(map(str, self.rows[:3]))}{', …' * (len(self) > 3)})"

    def _repr_html_(self) -> str:
        # Own HTML: the browser lab has no pandas.
        return html_table(list(self.schema.columns), self.rows)


def html_table(header: list[str], rows: Iterable[Iterable[Any]]) -> str:
    """A plain HTML table; a ``None`` becomes an empty cell.

    Examples
    --------
    >>> html_table(["age"], [[8]])
    '<table><thead><tr><th>age</th></tr></thead><tbody><tr><td>8</td></tr></tbody></table>'
    """

    def line(tag: str, cells: Iterable[Any]) -> str:
        shown = ("" if cell is None else escape(str(cell)) for cell in cells)
        return "<tr>" + "".join(f"<{tag}>{cell}</{tag}>" for cell in shown) + "</tr>"

    body = "".join(line("td", row) for row in rows)
    return f"<table><thead>{line('th', header)}</thead><tbody>{body}</tbody></table>"
