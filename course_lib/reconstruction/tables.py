"""What an agency publishes: statistics of groups of people, some of them suppressed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from math import isfinite
from numbers import Rational, Real
from statistics import median
from typing import Any

from course_lib.reconstruction.rounding import Rounding
from course_lib.reconstruction.schema import Database, Schema, Where, html_table

MEASURES = ("mean", "median", "minimum", "maximum")


@dataclass(frozen=True)
class Statistic:
    """One published row: how many people match ``where``, and figures of one of their integer columns.

    Parameters
    ----------
    name : the row's name, unique in its table: "2B".
    where : column -> value, range or list of values; empty for everybody.
    count : people who match; a whole number, 0 or more.
    mean, median : of the column ``of`` over those people; int, float or Fraction. A float stands for
        its shortest decimal form, so 36.7 is 367/10. Both need ``count``.
    minimum, maximum : the smallest and the largest value; whole numbers.
    suppressed : the row is published with a mark in place of its figures.
    of : the integer column measured; may be left out if the schema has only one.
    rounding : how this row's mean was rounded, if not as the rest of its table.

    Raises
    ------
    ValueError
        naming the statistic, for figures that contradict themselves: see each message.

    Examples
    --------
    >>> Statistic("2B", {"sex": "M"}, count=3, mean=44, median=30).mean
    Fraction(44, 1)
    >>> Statistic("2B", {"sex": "M"}, mean=44)
    Traceback (most recent call last):
        ...
    ValueError: statistic 2B: a mean needs its count
    """

    name: str
    where: Where = field(default_factory=dict)
    count: int | None = None
    mean: Fraction | None = None
    median: Fraction | None = None
    minimum: int | None = None
    maximum: int | None = None
    suppressed: bool = False
    of: str | None = None
    rounding: Rounding | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise ValueError(f"a statistic's name is a text of at least one letter, not {self.name!r}")
        if not isinstance(self.where, Mapping):
            self._refuse(f"where is a dict of column: value, not {self.where!r}")
        object.__setattr__(self, "where", dict(self.where))
        for measure in ("count", *MEASURES):
            object.__setattr__(self, measure, self._exact(measure))
        for measure in ("count", "minimum", "maximum"):
            value = getattr(self, measure)
            if value is not None:
                if value.denominator != 1:
                    self._refuse(f"{measure} {float(value):g} is not a whole number")
                object.__setattr__(self, measure, int(value))
        self._require_sense()

    def _exact(self, measure: str) -> Fraction | None:
        value = getattr(self, measure)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, Real | Decimal):
            self._refuse(f"{measure} {value!r} is not a number")
        if isinstance(value, Rational):  # a numpy integer is one, and would not grow
            return Fraction(int(value.numerator), int(value.denominator))
        if not (value.is_finite() if isinstance(value, Decimal) else isfinite(value)):
            self._refuse(f"{measure} is {value}; publish a finite number or leave it out")
        # repr gives the shortest decimal that reads back as the same float: 36.7, not 36.7000000000000028.
        return Fraction(value) if isinstance(value, Decimal) else Fraction(repr(float(value)))

    def _require_sense(self) -> None:
        published = [m for m in ("count", *MEASURES) if getattr(self, m) is not None]
        if self.suppressed not in (True, False):
            self._refuse(f"suppressed is True or False, not {self.suppressed!r}")
        if not isinstance(self.rounding, Rounding | None):
            self._refuse(f"rounding is a Rounding or None, not {self.rounding!r}")
        if self.suppressed and published:
            self._refuse(f"is suppressed, yet publishes a {published[0]}")
        if not self.suppressed and not published:
            self._refuse("publishes nothing; give a count or set suppressed=True")
        if self.count is not None and self.count < 0:
            self._refuse(f"count {self.count} is negative")
        for measure in ("mean", "median"):
            if measure in published and self.count is None:
                self._refuse(f"a {measure} needs its count")
        for measure in MEASURES:
            if measure in published and self.count == 0:
                self._refuse(f"nobody matches (count 0), so there is no {measure}")
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            self._refuse(f"minimum {self.minimum} is above maximum {self.maximum}")
        if self.median is not None and (2 * self.median).denominator != 1:
            self._refuse(f"median {float(self.median):g} is not a multiple of one half")
        if self.median is not None and self.count % 2 and self.median.denominator != 1:
            self._refuse(f"the median of {self.count} people is one of their values, not {float(self.median):g}")

    def _refuse(self, why: str) -> None:
        raise ValueError(f"statistic {self.name}: {why}")


@dataclass(frozen=True, repr=False)
class PublishedTable:
    """Everything an attacker reads: the schema, the statistics and the rules they were published by.

    Parameters
    ----------
    schema : columns and their values.
    statistics : the rows; exactly one group, the one with an empty ``where``, is everybody and gives n.
    rounding : how means were rounded, for rows without a rounding of their own.
    suppression_threshold : a suppressed row has a count of 0 to ``suppression_threshold`` - 1.
    structural_zeros : where-dicts that match nobody: what the attacker knows to be impossible.

    Raises
    ------
    ValueError
        naming the statistic, for a figure that no such people can have.

    Examples
    --------
    >>> schema = Schema(age=range(0, 126), sex=["F", "M"])
    >>> women = Statistic("2A", {"sex": "F"}, suppressed=True)
    >>> PublishedTable(schema, [Statistic("1A", count=3, mean=44), women]).n
    3
    >>> PublishedTable(schema, [Statistic("1A", count=3, mean=150)])
    Traceback (most recent call last):
        ...
    ValueError: statistic 1A: mean 150 lies outside the age range 0–125
    """

    schema: Schema
    statistics: tuple[Statistic, ...]
    rounding: Rounding = Rounding("exact")
    suppression_threshold: int = 3
    structural_zeros: tuple[Where, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "statistics", tuple(self.statistics))
        if isinstance(self.structural_zeros, Mapping):
            raise ValueError(f"structural_zeros is a list of where-dicts, not {self.structural_zeros!r}")
        object.__setattr__(self, "structural_zeros", tuple(dict(zero) for zero in self.structural_zeros))
        if not self.statistics:
            raise ValueError("an empty table: publish at least the statistic of everybody, with its count")
        if not isinstance(self.rounding, Rounding):
            raise ValueError(f'rounding is a Rounding, such as Rounding("nearest"), not {self.rounding!r}')
        threshold = self.suppression_threshold
        if isinstance(threshold, bool) or not isinstance(threshold, int) or threshold < 1:
            raise ValueError(f"suppression_threshold is a whole number from 1, not {threshold!r}")
        for name, times in Counter(s.name for s in self.statistics).items():
            if times > 1:
                raise ValueError(f"statistic {name}: the name stands on {times} rows")
        self._require_one_total()
        for number, zero in enumerate(self.structural_zeros, 1):
            self.schema.selection(zero, f"structural zero {number}")
        for statistic in self.statistics:
            self._require_possible(statistic)

    def _require_one_total(self) -> None:
        totals = [s for s in self.statistics if not s.where and s.count is not None]
        if not totals:
            raise ValueError("the table has no statistic with an empty where and a count: n is unknown")
        for other in totals[1:]:
            if other.count != totals[0].count:
                first = totals[0]
                raise ValueError(
                    f"statistic {other.name}: everybody is {other.count} people here, {first.count} in {first.name}"
                )

    def _require_possible(self, s: Statistic) -> None:
        selection = self.selection(s)
        if s.count is not None and s.count > self.n:
            s._refuse(f"count {s.count} is above n = {self.n}")
        if s.of is None and not any(getattr(s, measure) is not None for measure in MEASURES):
            return
        column = self.measured_column(s)
        values = selection.get(column, self.schema.columns[column])
        low, high = min(values), max(values)
        for measure in MEASURES:
            value = getattr(s, measure)
            if value is None:
                continue
            inside = low <= value <= high
            if measure == "mean":
                inside = self._mean_interval_meets(s, low, high)
            if not inside:
                s._refuse(f"{measure} {float(value):g} lies outside the {column} range {low}–{high}")
        if s.mean is not None and not self.sums(s):
            rounding = self.rounding_of(s)
            if not rounding.can_publish(s.mean):
                s._refuse(f"mean {float(s.mean):g} is not a multiple of the rounding unit {rounding.unit}")
            s._refuse(f"no {s.count} whole numbers have the mean {float(s.mean):g} (rounding: {rounding.kind})")

    def _mean_interval_meets(self, s: Statistic, low: int, high: int) -> bool:
        # A rounded mean may lie outside the range by less than the unit: 0 for people aged 1 and 2.
        slack = 0 if self.rounding_of(s).kind == "exact" else self.rounding_of(s).unit
        sums = self.sums(s)
        if not sums:
            return low - slack <= s.mean <= high + slack
        return sums[0] <= high * s.count and sums[-1] >= low * s.count

    @property
    def n(self) -> int:
        """How many people the table is about."""
        return next(s.count for s in self.statistics if not s.where and s.count is not None)

    def selection(self, statistic: Statistic) -> dict[str, frozenset]:
        """The values that a statistic's ``where`` admits, column by column.

        Parameters
        ----------
        statistic : of this table or another one with its columns.

        Returns
        -------
        dict with the columns of ``where`` only, as ``Schema.selection`` gives it.

        Raises
        ------
        ValueError
            for an unknown column or value.
        """
        return self.schema.selection(statistic.where, f"statistic {statistic.name}")

    def zero_selections(self) -> list[dict[str, frozenset]]:
        """The selections of the structural zeros."""
        return [self.schema.selection(zero, "structural zero") for zero in self.structural_zeros]

    def measured_column(self, statistic: Statistic) -> str:
        """The integer column that a statistic's mean, median, minimum and maximum speak of."""
        integers = self.schema.integer_columns
        if statistic.of is not None and statistic.of not in integers:
            statistic._refuse(f"of={statistic.of!r} is not an integer column; these are {list(integers)}")
        if not integers:
            statistic._refuse("the schema has no integer column to measure")
        if statistic.of is None and len(integers) != 1:
            statistic._refuse(f"say which integer column is measured: of= one of {list(integers)}")
        return statistic.of or integers[0]

    def rounding_of(self, statistic: Statistic) -> Rounding:
        """The statistic's own rounding, or else the table's."""
        return statistic.rounding or self.rounding

    def sums(self, statistic: Statistic) -> range:
        """The whole sums that the statistic's people may have, given its count and published mean."""
        return self.rounding_of(statistic).sums(statistic.mean, statistic.count)

    def without(self, *names: str) -> PublishedTable:
        """The same table with some rows left out.

        Raises
        ------
        ValueError
            if a name is not in the table.

        Examples
        --------
        >>> from course_lib.reconstruction import acm_block
        >>> len(acm_block().without("2A", "2B").statistics)
        12
        """
        known = [s.name for s in self.statistics]
        for name in names:
            if name not in known:
                raise ValueError(f"no statistic {name!r} to leave out; the table has {', '.join(known)}")
        return replace(self, statistics=tuple(s for s in self.statistics if s.name not in names))

    def __repr__(self) -> str:
        names = ", ".join(s.name for s in self.statistics)
        return f"PublishedTable({len(self.statistics)} statistics about {self.n} people: {names})"

    def _repr_html_(self) -> str:
        shown = [
            (s.name, ", ".join(f"{c} = {_text(v)}" for c, v in s.where.items()) or "everybody")
            + tuple("suppressed" if s.suppressed else _text(getattr(s, m)) for m in ("count", "median", "mean"))
            for s in self.statistics
        ]
        return html_table(["statistic", "who", "count", "median", "mean"], shown)


def _text(value: Any) -> str:
    if isinstance(value, range):
        return f"{value[0]}–{value[-1]}"
    if isinstance(value, Fraction):
        return f"{float(value):g}"
    return "" if value is None else str(value)


def tabulate(
    records: Database | Any,
    layout: Sequence[tuple],
    schema: Schema | None = None,
    rounding: Rounding = Rounding("exact"),
    suppression_threshold: int = 3,
    structural_zeros: Iterable[Where] = (),
) -> PublishedTable:
    """The agency's side: publish count, mean and median of every group, and suppress small groups.

    Parameters
    ----------
    records : a Database, a pandas frame, or a list of records in schema order.
    layout : list of (name, where), or (name, where, of) where the schema has several integer columns;
        without an integer column, counts only are published.
    schema : the columns; may be left out for a Database, which brings its own.
    rounding : how means are rounded.
    suppression_threshold : a count below it is replaced by the mark; the total never is.
    structural_zeros : handed on to the table.

    Returns
    -------
    PublishedTable, its rows in the order of ``layout``.

    Raises
    ------
    ValueError
        if no schema is known or a ``where`` does not fit it.

    Examples
    --------
    >>> schema = Schema(age=range(0, 126), sex=["F", "M"])
    >>> table = tabulate([(8, "F"), (18, "M"), (24, "F")], [("all", {}), ("men", {"sex": "M"})], schema=schema)
    >>> [(s.name, s.count, s.median, s.suppressed) for s in table.statistics]
    [('all', 3, Fraction(18, 1), False), ('men', None, None, True)]
    """
    database = as_database(records, schema)
    schema = database.schema
    statistics = []
    for name, where, *of in layout:
        selection = schema.selection(where, f"statistic {name}")
        group = [row for row in database.rows if schema.matches(row, selection)]
        if where and len(group) < suppression_threshold:
            statistics.append(Statistic(name, where, suppressed=True))
            continue
        column = of[0] if of else next(iter(schema.integer_columns), None)
        if column is None or not group:
            statistics.append(Statistic(name, where, count=len(group)))
            continue
        values = [row[list(schema.columns).index(column)] for row in group]
        mean = rounding.publish(Fraction(sum(values), len(values)))
        middle = Fraction(median(map(Fraction, values)))
        statistics.append(Statistic(name, where, len(group), mean, middle, of=column))
    return PublishedTable(schema, tuple(statistics), rounding, suppression_threshold, tuple(structural_zeros))


def as_database(records: Any, schema: Schema | None) -> Database:
    """``records`` as a Database: from a Database, a pandas frame or a list of tuples in schema order.

    Parameters
    ----------
    records : Database, frame or list of tuples.
    schema : the columns; None for those of a Database.

    Raises
    ------
    ValueError
        for records that do not fit the schema, or have none.

    Examples
    --------
    >>> as_database([(8,)], Schema(age=range(0, 126))).rows
    ((8,),)
    """
    if isinstance(records, Database):
        return records if schema is None else Database(schema, records.rows)
    if schema is None:
        raise ValueError("records without a schema: pass schema=, or a Database")
    return Database.from_frame(schema, records) if hasattr(records, "columns") else Database(schema, records)
