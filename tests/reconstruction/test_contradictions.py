"""Conflicts between published figures: they conflict, and none can be spared."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, assume, given, settings
from reconstruction_oracle import FIGURES, fitting, tables, with_figures_only

from course_lib.reconstruction import (
    PublishedTable,
    Rounding,
    Schema,
    Statistic,
    census_block,
    count_databases,
    explain_contradiction,
    reconstruct,
)

SCHEMA = Schema(age=range(0, 126), sex=["F", "M"])


def atoms_in_order(table):
    return [f"{s.name}.{figure}" for s in table.statistics for figure in (*FIGURES, "suppressed")]


def fits_somebody(table):
    """Head counts, not the direct encoding that finds the conflict."""
    return count_databases(table, limit=1, timeout=120).value > 0


def assert_irreducible(table, conflict, fits=fits_somebody):
    assert len(set(conflict)) == len(conflict) > 0
    assert list(conflict) == [atom for atom in atoms_in_order(table) if atom in conflict]
    assert not fits(with_figures_only(table, set(conflict)))
    for atom in conflict:
        assert fits(with_figures_only(table, set(conflict) - {atom})), f"{atom} is not needed"


def misprinted(acm, **figures):
    return replace(acm, statistics=[replace(s, **figures) if s.name == "2B" else s for s in acm.statistics])


def test_a_misprinted_mean_is_found(acm):
    table = misprinted(acm, mean=45)
    conflict = explain_contradiction(table)
    assert "2B.mean" in conflict
    assert_irreducible(table, conflict)
    # 4 * 33.5 + 3 * 45 is not 7 * 38: these three alone conflict too.
    assert_irreducible(table, ("1A.mean", "2A.mean", "2B.mean"))


@pytest.mark.parametrize("figures", [{"count": 2, "mean": 44}, {"median": 0}, {"mean": 43, "median": 33}])
def test_other_misprints_are_found(acm, figures):
    table = misprinted(acm, **figures)
    assert reconstruct(table).status == "contradictory"
    assert_irreducible(table, explain_contradiction(table))


@pytest.mark.parametrize("kind", ["nearest", "nearest-even"])
def test_the_wrong_rounding_of_chapter_1_is_a_conflict_of_its_means(kind):
    table = census_block(Rounding(kind))
    conflict = explain_contradiction(table)
    assert any(atom.endswith(".mean") for atom in conflict)
    assert_irreducible(table, conflict)


def test_a_consistent_table_needs_no_explanation(acm, census):
    assert explain_contradiction(acm) == explain_contradiction(census) == ()


def people(*statistics, n=7, **keywords):
    return PublishedTable(SCHEMA, [Statistic("1A", count=n), *statistics], **keywords)


WOMEN, MEN = {"sex": "F"}, {"sex": "M"}
NOBODY_OVER_29 = {"structural_zeros": [{"age": range(30, 126)}]}


@pytest.mark.parametrize(
    ("table", "conflict"),
    [
        (people(Statistic("2A", WOMEN, count=3), Statistic("2B", MEN, count=3)), "2A.count 2B.count"),
        (people(Statistic("2A", WOMEN, count=3), Statistic("2B", MEN, suppressed=True)), "2A.count 2B.suppressed"),
        (people(Statistic("1B", suppressed=True)), "1B.suppressed"),
        (people(Statistic("1B", count=7, mean=30), Statistic("1C", minimum=31)), "1B.mean 1C.minimum"),
        (people(Statistic("1B", count=7, median=30), Statistic("1C", maximum=29)), "1B.median 1C.maximum"),
        (people(Statistic("1B", minimum=30), Statistic("1C", maximum=29)), "1B.minimum 1C.maximum"),
        (people(Statistic("2A", WOMEN, minimum=30), **NOBODY_OVER_29), "2A.minimum"),
        (people(Statistic("2A", WOMEN, minimum=30), n=0), "2A.minimum"),
    ],
)
def test_conflicts_by_hand(table, conflict):
    assert explain_contradiction(table) == tuple(conflict.split())
    assert_irreducible(table, conflict.split())


def test_names_may_hold_dots_spaces_and_bars():
    table = people(Statistic("1.B mean", count=7, mean=30), Statistic("é |x|", count=7, mean=31))
    assert explain_contradiction(table) == ("1.B mean.mean", "é |x|.mean")


def test_a_mean_brings_its_own_count():
    rows = [Statistic("2A", {"sex": "F"}, count=3, mean=30), Statistic("2B", {"sex": "M"}, count=5)]
    conflict = explain_contradiction(people(*rows))
    assert conflict in {("2A.count", "2B.count"), ("2A.mean", "2B.count")}
    assert_irreducible(people(*rows), conflict)


def test_the_background_is_never_blamed():
    table = people(structural_zeros=[{}])
    assert reconstruct(table).status == "contradictory"
    assert explain_contradiction(table) == ()


@settings(
    max_examples=60,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)
@given(tables(n=(1, 3), misprints=True))
def test_conflicts_of_small_tables_are_irreducible(table):
    consistent = bool(fitting(table))
    conflict = explain_contradiction(table)
    if consistent:
        assert conflict == ()
        return
    assume(fitting(with_figures_only(table, set())))  # else the structural zeros alone leave nobody
    assert_irreducible(table, conflict, fits=lambda part: bool(fitting(part)))
