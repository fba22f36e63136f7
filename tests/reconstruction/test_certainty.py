"""What a table gives away for certain, against the intersection of all databases that fit."""

from collections import Counter

import pandas as pd
import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from reconstruction_oracle import fitting, shared_cells, shared_records, tables

from course_lib.reconstruction import (
    PublishedTable,
    Rounding,
    Schema,
    Statistic,
    census_block,
    certain_cells,
    certain_records,
    databases,
)
from course_lib.reconstruction import certainty as certainty_module

ATTRIBUTES = ["married", "smoker", "employed"]


def cells_of(frame):
    return {(i, c): frame.at[i, c] for i in frame.index for c in frame.columns if frame.at[i, c] is not pd.NA}


def records_of(frame):
    return Counter(tuple(row) for row in frame.itertuples(index=False, name=None))


# The two blocks ----------------------------------------------------------------------------------


def test_chapter_1_gives_away_26_of_28_cells(census):
    cells = certain_cells(census)
    assert cells.shape == (7, 4) and cells.notna().sum().sum() == 26
    assert cells[ATTRIBUTES].notna().all().all()
    assert cells["age"].isna().tolist() == [False, True, False, False, False, False, True]
    assert list(cells.index) == list(range(7)) and list(cells.columns) == ["age", *ATTRIBUTES]


def test_what_is_certain_in_chapter_1_is_true(census, census_people):
    truth = census_people.frame
    for (person, column), value in cells_of(certain_cells(census)).items():
        assert truth.at[person, column] == value


def test_chapter_1_gives_away_five_of_seven_records(census, census_people):
    records = certain_records(census)
    assert records["age"].tolist() == [8, 24, 30, 36, 66]
    assert records_of(records) <= Counter(census_people.rows)


def test_a_table_with_one_database_gives_away_everything(acm, acm_people):
    pd.testing.assert_frame_equal(certain_cells(acm), acm_people.frame.astype(object), check_column_type=False)
    assert records_of(certain_records(acm)) == Counter(acm_people.rows)


def test_without_both_sexes_four_people_are_certain(acm):
    four = {(8, "F", "B", "S"), (36, "F", "B", "M"), (66, "F", "B", "M"), (84, "M", "B", "M")}
    assert set(records_of(certain_records(acm.without("2A", "2B")))) == four
    only_3a = acm.without("2A", "2B", "4B", "4C", "4D", "5A", "5B", "5C")
    assert set(records_of(certain_records(only_3a))) == four


def test_two_blocks_may_share_no_person(acm):
    assert certain_records(acm.without("4A")).shape == (0, 4)
    assert list(certain_records(acm.without("4A")).columns) == ["age", "sex", "race", "marital"]


# Against everything ------------------------------------------------------------------------------


@pytest.mark.parametrize("listed", [100, 1])
@settings(
    max_examples=40,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.function_scoped_fixture],
)
@given(table=tables(n=(1, 3), misprints=False))
@example(
    PublishedTable(
        Schema(age=range(0, 3), sex=["F", "M"]),
        [Statistic("1A", count=3), Statistic("2A", {"sex": "F"}, count=2, mean=1, minimum=1)],
    )
)
def test_certain_is_what_all_databases_share(monkeypatch, listed, table):
    # With 1, nearly every table goes the way of asking the solver; with 100, few do.
    monkeypatch.setattr(certainty_module, "LISTED", listed)
    found = fitting(table)
    assume(found)
    assert cells_of(certain_cells(table)) == shared_cells(found, list(table.schema.columns))
    assert records_of(certain_records(table)) == shared_records(found)


def test_more_databases_than_are_listed_are_asked_about():
    schema = Schema(age=range(0, 126), sex=["F", "M"])
    rows = [Statistic("1A", count=4, median=30), Statistic("2A", {"sex": "F"}, count=3, median=30, maximum=30)]
    table = PublishedTable(schema, rows)
    assert sum(1 for _ in databases(table, limit=certainty_module.LISTED + 1)) == certainty_module.LISTED + 1
    # The women are x, 30 and 30 with x <= 30. The man is 30 or over, or else x is 30 too: either way the
    # middle two of all four are women of 30, and of the first and the last nothing is known.
    middle = {(i, c): v for i in (1, 2) for c, v in (("age", 30), ("sex", "F"))}
    assert cells_of(certain_cells(table)) == middle
    assert records_of(certain_records(table)) == Counter({(30, "F"): 2})


def test_copies_of_a_record_are_certain_one_by_one():
    schema = Schema(age=range(0, 3), sex=["F", "M"])
    rows = [Statistic("1A", count=3), Statistic("2A", {"sex": "F", "age": 1}, count=2)]
    assert records_of(certain_records(PublishedTable(schema, rows))) == Counter({(1, "F"): 2})


def test_values_that_are_none_or_tuples_survive():
    schema = Schema(answer=[None, "yes"], pair=[(1, 2), (3, 4)])
    rows = [Statistic("n", count=1), Statistic("none", {"answer": None}, count=1)]
    frame = certain_cells(PublishedTable(schema, [*rows, Statistic("pair", {"pair": [(3, 4)]}, count=1)]))
    assert frame.at[0, "answer"] is None and frame.at[0, "pair"] == (3, 4)


def test_of_nobody_nothing_is_certain_and_nothing_is_refused():
    nobody = PublishedTable(Schema(age=range(3)), [Statistic("1A", count=0)])
    assert certain_cells(nobody).shape == certain_records(nobody).shape == (0, 1)


@pytest.mark.parametrize("function", [certain_cells, certain_records])
def test_a_contradictory_table_has_no_people_to_speak_of(function):
    with pytest.raises(ValueError) as error:
        function(census_block(Rounding("nearest")))
    assert str(error.value) == "the table is contradictory: no database fits it; see explain_contradiction"
