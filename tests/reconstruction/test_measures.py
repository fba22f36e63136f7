"""Shares recovered: known answers, every pairing tried, and the guess without an attack."""

from itertools import permutations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.reconstruction import (
    Database,
    PublishedTable,
    Schema,
    Statistic,
    baseline_match,
    cell_match,
    record_match,
)

SCHEMA = Schema(age=range(0, 126), sex=["F", "M"])


def people(*records):
    return Database(SCHEMA, records)


@pytest.mark.parametrize(
    ("guess", "cells", "records"),
    [
        ([(8, "F"), (18, "M"), (30, "F")], 1, 1),
        ([(30, "F"), (8, "F"), (18, "M")], 1, 1),  # order means nothing
        ([(9, "F"), (18, "M"), (30, "F")], 5 / 6, 2 / 3),
        ([(8, "M"), (18, "F"), (30, "M")], 3 / 6, 0),
        ([(0, "M"), (1, "M"), (2, "M")], 1 / 6, 0),
        ([(8, "F"), (8, "F"), (8, "F")], 3 / 6, 1 / 3),  # a copy counts once
    ],
)
def test_known_answers(guess, cells, records):
    truth = people((8, "F"), (18, "M"), (30, "F"))
    assert cell_match(truth, people(*guess)) == pytest.approx(cells)
    assert record_match(truth, people(*guess)) == pytest.approx(records)


RECORDS = st.lists(st.tuples(st.integers(0, 3), st.sampled_from("FM")), min_size=1, max_size=5)


@settings(derandomize=True, max_examples=100, deadline=None, database=None)
@given(st.data(), RECORDS)
def test_no_pairing_of_people_agrees_on_more_cells(data, truth):
    guess = data.draw(
        st.lists(st.tuples(st.integers(0, 3), st.sampled_from("FM")), min_size=len(truth), max_size=len(truth))
    )
    best = max(
        sum((a == c) + (b == d) for (a, b), (c, d) in zip(truth, order, strict=True)) for order in permutations(guess)
    )
    assert cell_match(people(*truth), people(*guess)) == pytest.approx(best / (2 * len(truth)))
    found, left = 0, list(guess)
    for record in truth:
        if record in left:
            left.remove(record)
            found += 1
    assert record_match(people(*truth), people(*guess)) == pytest.approx(found / len(truth))


def test_frames_do_as_well_as_databases():
    truth, guess = people((8, "F"), (18, "M")), people((8, "F"), (19, "M"))
    assert cell_match(truth.frame, guess.frame) == cell_match(truth, guess) == 0.75
    assert record_match(truth.frame, guess) == 0.5


@pytest.mark.parametrize("measure", [cell_match, record_match])
@pytest.mark.parametrize(
    ("truth", "guess", "message"),
    [
        (people((8, "F")), people((8, "F"), (9, "F")), "the truth holds 1 people, the guess 2"),
        (people(), people(), "the truth holds nobody: a share of nothing is not a number"),
        (
            people((8, "F")),
            pd.DataFrame({"sex": ["F"], "age": [8]}),
            "the truth has the columns ['age', 'sex'], the guess ['sex', 'age']",
        ),
    ],
)
def test_what_cannot_be_compared_is_refused(measure, truth, guess, message):
    with pytest.raises(ValueError) as error:
        measure(truth, guess)
    assert str(error.value) == message


# Without an attack -------------------------------------------------------------------------------


def test_the_baseline_fills_columns_from_the_margins():
    schema = Schema(age=range(0, 10), race=["B", "W", "O"])
    rows = [Statistic("1A", count=4, median=3.5), Statistic("2C", {"race": "B"}, count=1)]
    table = PublishedTable(schema, rows)
    # The guess: ages 3, 3, 3, 3; one B, and the other three shared out among W and O: two W, one O.
    guess = Database(schema, [(3, "B"), (3, "W"), (3, "W"), (3, "O")])
    for truth in ([(3, "B"), (3, "W"), (4, "W"), (4, "O")], [(1, "O"), (2, "O"), (5, "O"), (6, "O")]):
        database = Database(schema, truth)
        assert baseline_match(database, table) == cell_match(database, guess)
    assert baseline_match(Database(schema, [(1, "O"), (2, "O"), (5, "O"), (6, "O")]), table) == 1 / 8


def test_without_a_median_the_baseline_takes_the_middle_of_the_range():
    table = PublishedTable(Schema(age=range(0, 11)), [Statistic("1A", count=2)])
    assert baseline_match([(5,), (4,)], table) == 0.5


def test_the_baseline_of_both_blocks(acm, acm_people, census, census_people):
    # Ages: one of seven has the median 30. Each attribute is right from the margins, up to 4 of 7 kept apart.
    assert baseline_match(acm_people, acm) == pytest.approx(18 / 28)
    assert baseline_match(census_people, census) == pytest.approx(18 / 28)


def test_a_baseline_of_nobody_is_refused():
    table = PublishedTable(SCHEMA, [Statistic("1A", count=0)])
    with pytest.raises(ValueError, match="the truth holds nobody"):
        baseline_match(people(), table)
