"""Schemas, selections and databases: order, equality, odd values, refusals."""

import numpy as np
import pandas as pd
import pytest

from course_lib.reconstruction import Database, Schema
from course_lib.reconstruction.schema import html_table

PEOPLE = Schema(age=range(0, 126), sex=["F", "M"], race=["W", "B", "O"])


def refusal(function, *arguments, **keywords):
    with pytest.raises(ValueError) as error:
        function(*arguments, **keywords)
    return str(error.value)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({}, "a schema needs at least one column"),
        ({"sex": "FM"}, "column 'sex': give a range or a list of values, not 'FM'"),
        ({"age": 7}, "column 'age': give a range or a list of values, not 7"),
        ({"age": range(0, 10, 2)}, "column 'age': a range must have step 1, not 2"),
        ({"age": range(5, 5)}, "column 'age' has no value"),
        ({"sex": []}, "column 'sex' has no value"),
        ({"sex": ["F", "M", "F"]}, "column 'sex' lists a value twice"),
        ({"answer": [1, True]}, "column 'answer' lists a value twice"),
    ],
)
def test_what_is_no_schema_is_refused(columns, message):
    assert refusal(Schema, **columns) == message


def test_ranges_are_integer_columns_and_lists_categorical_ones():
    schema = Schema(age=range(3), grade=[1, 2, 3], children=range(2))
    assert schema.integer_columns == ("age", "children")
    assert schema.categorical_columns == ("grade",)


def test_schemas_are_equal_when_columns_order_and_values_are():
    assert Schema(a=range(3), b=["x"]) == Schema(a=range(0, 3), b=("x",))
    assert hash(Schema(a=range(3))) == hash(Schema(a=range(0, 3)))
    assert Schema(a=range(3), b=["x"]) != Schema(b=["x"], a=range(3))
    assert Schema(a=["x", "y"]) != Schema(a=["y", "x"])
    assert Schema(a=range(3)) != {"a": range(3)}


def test_any_text_may_name_a_column():
    schema = Schema(**{"self": range(2), "marital status": ["single", "märried"], "count": [1, 2]})
    assert list(schema.columns) == ["self", "marital status", "count"]
    assert repr(Schema(self=range(2), sex=["F"])) == "Schema(self=range(0, 2), sex=['F'])"


# Selections ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("where", "admitted"),
    [
        ({}, {}),
        ({"sex": "F"}, {"sex": {"F"}}),
        ({"race": ["B", "O"]}, {"race": {"B", "O"}}),
        ({"age": 18}, {"age": {18}}),
        ({"age": range(120, 10**12)}, {"age": {120, 121, 122, 123, 124, 125}}),
        ({"age": range(0, 7, 3)}, {"age": {0, 3, 6}}),
        ({"age": [3, 1]}, {"age": {1, 3}}),
    ],
)
def test_a_where_admits_values(where, admitted):
    assert PEOPLE.selection(where, "statistic 1A") == admitted


@pytest.mark.parametrize("value", [np.int64(18), 18.0, np.float64(18), np.uint8(18)])
def test_values_that_compare_equal_become_the_schemas_own(value):
    (chosen,) = PEOPLE.selection({"age": value}, "statistic 1A")["age"]
    assert chosen == 18 and type(chosen) is int
    (answer,) = Schema(smoker=[False, True]).selection({"smoker": np.int64(1)}, "statistic 1A")["smoker"]
    assert answer is True


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ({"agee": 3}, "statistic 2B: unknown column 'agee'; did you mean 'age'?"),
        ({"income": 3}, "statistic 2B: unknown column 'income'; the columns are ['age', 'sex', 'race']"),
        ({7: 3}, "statistic 2B: unknown column 7; the columns are ['age', 'sex', 'race']"),
        ({"sex": "X"}, "statistic 2B: column 'sex' has no value 'X', only ['F', 'M']"),
        ({"sex": None}, "statistic 2B: column 'sex' has no value None, only ['F', 'M']"),
        ({"sex": ["F", "X"]}, "statistic 2B: column 'sex' has no value 'X', only ['F', 'M']"),
        ({"sex": [["F"]]}, "statistic 2B: column 'sex' has no value ['F'], only ['F', 'M']"),
        ({"age": 126}, "statistic 2B: column 'age' has no value 126, only range(0, 126)"),
        ({"age": 17.5}, "statistic 2B: column 'age' has no value 17.5, only range(0, 126)"),
        ({"age": "18"}, "statistic 2B: column 'age' has no value '18', only range(0, 126)"),
        ({"sex": []}, "statistic 2B: no value of column 'sex' is in []"),
        ({"age": range(200, 300)}, "statistic 2B: no value of column 'age' is in range(200, 300)"),
    ],
)
def test_a_where_that_nobody_can_meet_is_refused_by_name(where, message):
    assert refusal(PEOPLE.selection, where, "statistic 2B") == message


def test_a_record_matches_if_each_of_its_values_is_admitted():
    selection = PEOPLE.selection({"age": range(18, 126), "race": ["B", "O"]}, "3A")
    assert PEOPLE.matches((18, "F", "O"), selection)
    assert not PEOPLE.matches((17, "F", "O"), selection)
    assert not PEOPLE.matches((18, "F", "W"), selection)
    assert PEOPLE.matches((17, "F", "W"), {})


# Databases ---------------------------------------------------------------------------------------


def test_rows_are_sorted_in_the_order_the_schema_lists():
    rows = [(30, "M", "B"), (30, "F", "O"), (8, "M", "B"), (30, "F", "B")]
    assert Database(PEOPLE, rows).rows == ((8, "M", "B"), (30, "F", "B"), (30, "F", "O"), (30, "M", "B"))


def test_databases_are_multisets():
    ann, bob = (8, "F", "W"), (30, "M", "B")
    assert Database(PEOPLE, [ann, bob]) == Database(PEOPLE, [bob, ann])
    assert len({Database(PEOPLE, [ann, bob]), Database(PEOPLE, [bob, ann])}) == 1
    assert Database(PEOPLE, [ann, ann]) != Database(PEOPLE, [ann])
    assert Database(PEOPLE, []).rows == () and len(Database(PEOPLE, [ann, ann])) == 2


def test_rows_hold_the_schemas_own_values():
    schema = Schema(age=range(0, 126), smoker=[False, True])
    database = Database(schema, [(np.int64(8), 1), (18.0, np.False_)])
    assert repr(database.rows) == "((8, True), (18, False))"


def test_a_frame_round_trips_with_other_columns_left_out():
    people = Database(PEOPLE, [(8, "F", "W"), (30, "M", "B")])
    frame = people.frame.assign(name=["Ann", "Bob"])[["name", "race", "age", "sex"]]
    assert Database.from_frame(PEOPLE, frame.iloc[::-1]) == people
    assert list(people.frame.columns) == ["age", "sex", "race"]
    floats = people.frame.astype({"age": float})
    assert repr(Database.from_frame(PEOPLE, floats).rows) == repr(people.rows)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([(8, "F")], "record (8, 'F') has 2 values for columns ['age', 'sex', 'race']"),
        ([(8, "F", "W", 1)], "record (8, 'F', 'W', 1) has 4 values for columns ['age', 'sex', 'race']"),
        ([(126, "F", "W")], "record (126, 'F', 'W'): column 'age' has no value 126"),
        ([(8, "f", "W")], "record (8, 'f', 'W'): column 'sex' has no value 'f'"),
        ([(8.5, "F", "W")], "record (8.5, 'F', 'W'): column 'age' has no value 8.5"),
    ],
)
def test_a_record_that_does_not_fit_is_refused(rows, message):
    assert refusal(Database, PEOPLE, rows) == message


def test_a_frame_without_a_column_or_a_value_is_refused():
    frame = pd.DataFrame({"age": [8.0, None], "sex": ["F", "M"], "race": ["W", "W"]})
    assert refusal(Database.from_frame, PEOPLE, frame) == "record (nan, 'M', 'W'): column 'age' has no value nan"
    message = "the frame has no column 'race'; it has ['age', 'sex']"
    assert refusal(Database.from_frame, PEOPLE, frame[["age", "sex"]]) == message


def test_a_database_shows_its_first_records_and_all_of_them_as_html():
    schema = Schema(name=["<b>", "Zoë"], age=range(9))
    people = Database(schema, [("<b>", 1), ("Zoë", 2), ("Zoë", 3), ("Zoë", 4)])
    assert repr(people) == "Database(4 records: ('<b>', 1), ('Zoë', 2), ('Zoë', 3), …)"
    html = people._repr_html_()
    assert html.count("<tr>") == 5 and "<td>&lt;b&gt;</td><td>1</td>" in html and "<th>name</th>" in html
    assert html_table(["a"], [[None]]).count("<td></td>") == 1
