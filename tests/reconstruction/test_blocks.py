"""The published tables of the course: true of their people, and blocks drawn by seed."""

from dataclasses import replace

import pytest
from reconstruction_oracle import broken_figures, meets, rows_that_differ

from course_lib.reconstruction import Rounding, census_block, census_like_block, census_truth, random_block, reconstruct


def test_what_is_published_about_the_article_is_true(acm, acm_people):
    assert broken_figures(acm, acm_people.rows) == []
    assert rows_that_differ(acm, acm_people.frame, of="age") == []
    assert [s.name for s in acm.statistics if s.suppressed] == ["3A", "4B", "4C", "4D", "5A", "5B", "5C"]


def test_what_is_published_about_chapter_1_is_true_with_ties_down_only(census_people):
    for kind, broken in {
        "nearest-ties-down": [],
        "within": [],
        "nearest": ["A2.mean", "C2.mean"],  # 33.5 and 48.5 are ties
        "nearest-even": ["A2.mean"],
        "down": ["A4.mean"],  # 36.67 is printed as 37
    }.items():
        assert broken_figures(census_block(Rounding(kind)), census_people.rows) == broken


def test_the_plain_reading_of_single_adults_is_contradictory(census):
    # Three of the seven are not married: were the mark about them, it would be a lie.
    plainly = [replace(s, where={"married": False}) if s.name == "A3" else s for s in census.statistics]
    assert reconstruct(replace(census, statistics=plainly)).status == "contradictory"
    assert reconstruct(census).status == "consistent"


def test_the_oldest_age_is_the_attackers_choice():
    assert census_block().schema.columns["age"] == range(1, 125)
    assert census_block(oldest=100).schema.columns["age"] == range(1, 101)
    assert census_truth().schema == census_block().schema


@pytest.mark.parametrize("seed", [0, 1, 7])
def test_blocks_like_chapter_1_publish_the_same_lines(seed, census):
    truth, table = census_like_block(seed)
    assert rows_that_differ(table, truth.frame, of="age") == [] == broken_figures(table, truth.rows)
    assert [(s.name, s.where, s.suppressed) for s in table.statistics] == [
        (s.name, s.where, s.suppressed) for s in census.statistics
    ]
    assert (table.rounding, table.schema, table.n) == (census.rounding, census.schema, 7)
    assert (truth == census_truth()) == (seed == 0)
    assert census_like_block(seed) == (truth, table)


@pytest.mark.parametrize(("n", "seed"), [(1, 0), (7, 1), (30, 2)])
def test_random_blocks_publish_nineteen_true_rows(n, seed):
    truth, table = random_block(n, seed)
    assert (len(truth), table.n, len(table.statistics)) == (n, n, 19)
    assert sorted(len(s.where) for s in table.statistics) == [0] + [1] * 6 + [2] * 12
    assert len({tuple(sorted(s.where.items())) for s in table.statistics}) == 19
    assert broken_figures(table, truth.rows) == [] == rows_that_differ(table, truth.frame, of="age")
    columns = list(table.schema.columns)
    for s in table.statistics[1:]:
        assert s.suppressed == (sum(meets(record, columns, s.where) for record in truth.rows) < 3)
    assert random_block(n, seed) == (truth, table) != random_block(n, seed + 1)
    assert max(record[0] for record in truth.rows) <= 90


def test_a_random_block_of_one_is_its_total():
    truth, table = random_block(1, seed=3)
    assert reconstruct(table).database.rows[0][0] == truth.rows[0][0]


@pytest.mark.parametrize("n", [0, -1, 2.0, True])
def test_a_random_block_has_somebody(n):
    with pytest.raises(ValueError) as error:
        random_block(n, seed=0)
    assert str(error.value) == f"n is a whole number from 1, not {n!r}"
