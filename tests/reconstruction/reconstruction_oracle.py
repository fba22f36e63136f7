"""What the tests compare the library with: plain loops and pandas, no solver and none of its own checks."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from fractions import Fraction
from itertools import combinations_with_replacement, product
from math import floor

import pandas as pd
from hypothesis import strategies as st

from course_lib.reconstruction import PublishedTable, Rounding, Schema, Statistic

ROUNDED = ("nearest", "nearest-ties-down", "nearest-even", "down", "within")
FIGURES = ("count", "mean", "median", "minimum", "maximum")


# Publishing once more, by hand --------------------------------------------------------------------


def rounded(kind: str, unit: Fraction, mean: Fraction) -> Fraction:
    """The published value of a mean, chosen from the multiples of the unit around it."""
    if kind == "exact":
        return mean
    start = floor(mean / unit)
    if kind == "down":
        return start * unit
    around = range(start - 1, start + 3)
    nearest = min(abs(k * unit - mean) for k in around)
    ties = [k for k in around if abs(k * unit - mean) == nearest]
    chosen = {"nearest": max, "nearest-ties-down": min, "within": min}.get(kind)
    return unit * (chosen(ties) if chosen else next(k for k in ties if len(ties) == 1 or k % 2 == 0))


def agrees(rounding: Rounding, mean: Fraction, published: Fraction) -> bool:
    """Whether a true mean may have been published so."""
    if rounding.kind == "within":
        return 2 * abs(mean - published) <= rounding.unit
    return rounded(rounding.kind, Fraction(rounding.unit), mean) == published


def meets(record: tuple, columns: list[str], where: dict) -> bool:
    """Whether a record meets a where-dict, read as its author wrote it."""
    for column, condition in where.items():
        value = record[columns.index(column)]
        listed = condition if isinstance(condition, range | list | tuple | set | frozenset) else [condition]
        if value not in listed:
            return False
    return True


def middle(values: list[int]) -> Fraction:
    """The median as a fraction."""
    values = sorted(values)
    half = len(values) // 2
    return Fraction(values[half]) if len(values) % 2 else Fraction(values[half - 1] + values[half], 2)


def measured(table: PublishedTable, s: Statistic) -> int:
    """The place of the column that a statistic measures."""
    columns = list(table.schema.columns)
    (only,) = [s.of] if s.of else [c for c, values in table.schema.columns.items() if isinstance(values, range)]
    return columns.index(only)


def broken_figures(table: PublishedTable, records: tuple[tuple, ...]) -> list[str]:
    """The published figures that records break, as "2B.mean"; a structural zero as "zero"."""
    columns = list(table.schema.columns)
    broken = ["zero" for zero in table.structural_zeros for r in records if meets(r, columns, zero)]
    for s in table.statistics:
        group = [r for r in records if meets(r, columns, s.where)]
        if s.suppressed and len(group) >= table.suppression_threshold:
            broken.append(f"{s.name}.suppressed")
        if s.count is not None and len(group) != s.count:
            broken.append(f"{s.name}.count")
        if s.mean is s.median is s.minimum is s.maximum is None:
            continue
        values = [r[measured(table, s)] for r in group]
        if s.mean is not None and not (
            values and agrees(s.rounding or table.rounding, Fraction(sum(values), len(values)), s.mean)
        ):
            broken.append(f"{s.name}.mean")
        if s.median is not None and not (values and middle(values) == s.median):
            broken.append(f"{s.name}.median")
        if s.minimum is not None and not (values and min(values) == s.minimum):
            broken.append(f"{s.name}.minimum")
        if s.maximum is not None and not (values and max(values) == s.maximum):
            broken.append(f"{s.name}.maximum")
    return broken


def every_multiset(table: PublishedTable) -> list[tuple[tuple, ...]]:
    """All multisets of n records over the schema, in the library's order of records."""
    records = list(product(*table.schema.columns.values()))
    return list(combinations_with_replacement(records, table.n))


def fitting(table: PublishedTable) -> set[tuple[tuple, ...]]:
    """All databases that fit a table, by trying every one."""
    return {records for records in every_multiset(table) if not broken_figures(table, records)}


def shared_cells(found: set[tuple[tuple, ...]], columns: list[str]) -> dict[tuple[int, str], object]:
    """(person, column) -> value, for the cells on which all databases agree."""
    first = next(iter(found))
    return {
        (i, column): first[i][j]
        for i in range(len(first))
        for j, column in enumerate(columns)
        if len({records[i][j] for records in found}) == 1
    }


def shared_records(found: set[tuple[tuple, ...]]) -> Counter:
    """The records that are in all databases, as often as in each."""
    counters = [Counter(records) for records in found]
    common = counters[0]
    for counter in counters[1:]:
        common &= counter
    return common


# With pandas --------------------------------------------------------------------------------------


def recomputed(frame: pd.DataFrame, where: dict, of: str) -> dict[str, object]:
    """Count, exact mean, median, minimum and maximum of a group, by pandas."""
    mask = pd.Series(True, index=frame.index)
    for column, condition in where.items():
        values = list(condition) if isinstance(condition, range | list) else [condition]
        mask &= frame[column].isin(values)
    values = frame.loc[mask, of]
    if values.empty:
        return {"count": 0}
    return {
        "count": len(values),
        "mean": Fraction(int(values.sum()), len(values)),
        "median": Fraction(float(values.median())),
        "minimum": int(values.min()),
        "maximum": int(values.max()),
    }


def rows_that_differ(table: PublishedTable, frame: pd.DataFrame, of: str) -> list[str]:
    """The names of the published rows that do not come out of a frame again."""
    wrong = []
    for s in table.statistics:
        found = recomputed(frame, dict(s.where), of)
        if s.suppressed:
            right = found["count"] < table.suppression_threshold
        else:
            right = all(
                agrees(s.rounding or table.rounding, found["mean"], s.mean)
                if figure == "mean"
                else found[figure] == getattr(s, figure)
                for figure in FIGURES
                if getattr(s, figure) is not None
            )
        if not right:
            wrong.append(s.name)
    return wrong


# Tables without some figures ----------------------------------------------------------------------


def with_figures_only(table: PublishedTable, atoms: set[str]) -> PublishedTable:
    """The table that publishes these figures only; a mean or a median brings its count, n stays."""
    kept = []
    for s in table.statistics:
        figures = {figure for figure in (*FIGURES, "suppressed") if f"{s.name}.{figure}" in atoms}
        if figures & {"mean", "median"} or (not s.where and s.count is not None):
            figures.add("count")
        if figures:
            blank = {figure: None for figure in FIGURES if figure not in figures}
            kept.append(replace(s, **blank, suppressed="suppressed" in figures))
    return replace(table, statistics=kept)


# Small random tables ------------------------------------------------------------------------------

SCHEMAS = [
    {"age": range(0, 5), "sex": ["F", "M"]},
    {"age": range(2, 5), "sex": ["F", "M"], "smoker": [False, True]},
    {"age": range(-2, 3)},
    {"age": range(0, 3), "race": ["B", "W", "O"]},
    {"sex": ["F", "M"], "race": ["B", "W", "O"]},
    {"age": range(0, 3), "children": range(0, 3)},
    {"sex": ["F", "M"], "age": range(1, 4), "children": range(0, 2)},
    {"count": range(0, 3), "mean": ["x y", "x", ""], "é": [None, 1]},
    {"level": [3, 1, 2], "age": range(0, 4)},
]


def _condition(draw, values: range | list) -> object:
    if isinstance(values, range):
        low = draw(st.integers(values[0], values[-1]))
        high = draw(st.integers(low, values[-1]))
        return low if low == high and draw(st.booleans()) else range(low, high + 1)
    chosen = draw(st.lists(st.sampled_from(values), min_size=1, unique=True))
    return chosen[0] if len(chosen) == 1 else chosen


def _where(draw, schema: Schema, least: int = 1) -> dict:
    columns = draw(st.lists(st.sampled_from(list(schema.columns)), min_size=least, max_size=2, unique=True))
    return {column: _condition(draw, schema.columns[column]) for column in columns}


def _statistic(draw, schema: Schema, truth: list[tuple], name: str, where: dict, threshold: int) -> Statistic:
    columns = list(schema.columns)
    group = [record for record in truth if meets(record, columns, where)]
    if where and len(group) < threshold and draw(st.booleans()):
        return Statistic(name, where, suppressed=True)
    figures: dict[str, object] = {"count": len(group)}
    if schema.integer_columns and group:
        of = draw(st.sampled_from(schema.integer_columns))
        values = [record[columns.index(of)] for record in group]
        known = {"mean": None, "median": middle(values), "minimum": min(values), "maximum": max(values)}
        chosen = draw(st.sets(st.sampled_from(list(known))))
        rounding = draw(st.sampled_from([Rounding("exact"), *(Rounding(k, u) for k in ROUNDED for u in (1, 2))]))
        known["mean"] = rounded(rounding.kind, Fraction(rounding.unit), Fraction(sum(values), len(values)))
        figures |= {figure: known[figure] for figure in chosen} | {"of": of, "rounding": rounding}
        if where and chosen and not chosen & {"mean", "median"} and draw(st.booleans()):
            del figures["count"]
    return Statistic(name, where, **figures)


@st.composite
def tables(draw, n: tuple[int, int] = (1, 4), misprints: bool = True, cohorts: bool = False) -> PublishedTable:
    """A small table: the figures of random people, one of them misprinted now and then.

    With ``cohorts``, one integer column, and a count for every value of the others: what the index
    vectors ask for.
    """
    one_integer = [s for s in SCHEMAS if sum(isinstance(values, range) for values in s.values()) == 1]
    schema = Schema(**draw(st.sampled_from(one_integer if cohorts else SCHEMAS)))
    record = st.tuples(*(st.sampled_from(list(values)) for values in schema.columns.values()))
    truth = draw(st.lists(record, min_size=n[0], max_size=n[1]))
    threshold = draw(st.integers(1, 3))
    wheres = [{}] + [_where(draw, schema) for _ in range(draw(st.integers(1, 5)))]
    statistics = [_statistic(draw, schema, truth, f"row {i}", where, threshold) for i, where in enumerate(wheres)]
    if cohorts:
        for place, (column, values) in enumerate(schema.columns.items()):
            for value in values if column in schema.categorical_columns else ():
                size = sum(r[place] == value for r in truth)
                statistics.append(Statistic(f"{column} {value!r}", {column: value}, count=size))
    zeros = [_where(draw, schema) for _ in range(draw(st.integers(0, 2)))]
    if not misprints or draw(st.integers(0, 3)):
        zeros = [zero for zero in zeros if not any(meets(r, list(schema.columns), zero) for r in truth)]
    table = PublishedTable(schema, statistics, Rounding("exact"), threshold, zeros)
    if misprints and draw(st.integers(0, 3)) == 0:
        return _misprinted(draw, table)
    return table


def _misprinted(draw, table: PublishedTable) -> PublishedTable:
    places = [(i, f) for i, s in enumerate(table.statistics) for f in FIGURES if getattr(s, f) is not None and s.where]
    if not places:
        return table
    i, figure = draw(st.sampled_from(places))
    statistics = list(table.statistics)
    try:
        wrong = getattr(statistics[i], figure) + draw(st.sampled_from([-1, 1]))
        statistics[i] = replace(statistics[i], **{figure: wrong})
        return replace(table, statistics=statistics)
    except ValueError:  # no such figure can be published at all
        return table
