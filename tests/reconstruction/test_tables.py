"""Statistics and tables: every refusal with its exact words, odd numbers, and the agency's side."""

import math
from decimal import Decimal
from fractions import Fraction as F

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reconstruction_oracle import broken_figures, rows_that_differ

from course_lib.reconstruction import Database, PublishedTable, Rounding, Schema, Statistic, tabulate
from course_lib.reconstruction.blocks import ACM_GROUPS

SCHEMA = Schema(age=range(0, 126), sex=["F", "M"])
TWO_MEASURES = Schema(age=range(0, 126), children=range(0, 10), sex=["F", "M"])
EVERYBODY = Statistic("1A", count=7)


def refusal(function, *arguments, **keywords):
    with pytest.raises(ValueError) as error:
        function(*arguments, **keywords)
    return str(error.value)


# One statistic -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("figures", "message"),
    [
        ({"count": math.nan}, "count is nan; publish a finite number or leave it out"),
        ({"count": 3, "mean": math.nan}, "mean is nan; publish a finite number or leave it out"),
        ({"count": 3, "mean": math.inf}, "mean is inf; publish a finite number or leave it out"),
        ({"count": 3, "median": -math.inf}, "median is -inf; publish a finite number or leave it out"),
        ({"count": 3, "mean": Decimal("NaN")}, "mean is NaN; publish a finite number or leave it out"),
        ({"count": 3, "mean": Decimal("sNaN")}, "mean is sNaN; publish a finite number or leave it out"),
        ({"count": 3, "mean": np.float64("nan")}, "mean is nan; publish a finite number or leave it out"),
        ({"minimum": math.inf}, "minimum is inf; publish a finite number or leave it out"),
        ({"count": 2.5}, "count 2.5 is not a whole number"),
        ({"count": F(7, 2)}, "count 3.5 is not a whole number"),
        ({"minimum": 2.5}, "minimum 2.5 is not a whole number"),
        ({"maximum": 2.5}, "maximum 2.5 is not a whole number"),
        ({"count": -1}, "count -1 is negative"),
        ({"count": "3"}, "count '3' is not a number"),
        ({"count": True}, "count True is not a number"),
        ({"count": np.True_}, f"count {np.True_!r} is not a number"),
        ({"count": [3]}, "count [3] is not a number"),
        ({"count": 3, "mean": "44"}, "mean '44' is not a number"),
        ({"count": 3, "mean": 1j}, "mean 1j is not a number"),
        ({"mean": 44}, "a mean needs its count"),
        ({"median": 44}, "a median needs its count"),
        ({"minimum": 4, "mean": 44}, "a mean needs its count"),
        ({"count": 0, "mean": 44}, "nobody matches (count 0), so there is no mean"),
        ({"count": 0, "median": 44}, "nobody matches (count 0), so there is no median"),
        ({"count": 0, "minimum": 44}, "nobody matches (count 0), so there is no minimum"),
        ({"count": 0, "maximum": 44}, "nobody matches (count 0), so there is no maximum"),
        ({"minimum": 30, "maximum": 29}, "minimum 30 is above maximum 29"),
        ({"count": 4, "median": 30.25}, "median 30.25 is not a multiple of one half"),
        ({"count": 3, "median": 30.5}, "the median of 3 people is one of their values, not 30.5"),
        ({"count": 3, "suppressed": True}, "is suppressed, yet publishes a count"),
        ({"minimum": 3, "suppressed": True}, "is suppressed, yet publishes a minimum"),
        ({}, "publishes nothing; give a count or set suppressed=True"),
        ({"suppressed": "no"}, "suppressed is True or False, not 'no'"),
        ({"count": 3, "rounding": "down"}, "rounding is a Rounding or None, not 'down'"),
    ],
)
def test_figures_that_make_no_sense_are_refused_by_the_name_of_their_row(figures, message):
    assert refusal(Statistic, "2B", {"sex": "M"}, **figures) == f"statistic 2B: {message}"


@pytest.mark.parametrize("name", ["", 2, None])
def test_a_statistic_needs_a_name(name):
    message = f"a statistic's name is a text of at least one letter, not {name!r}"
    assert refusal(Statistic, name, count=3) == message


@pytest.mark.parametrize("where", [["sex"], "sex", None, 3])
def test_a_where_is_a_dict(where):
    assert refusal(Statistic, "2B", where, count=3) == f"statistic 2B: where is a dict of column: value, not {where!r}"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (36.7, F(367, 10)),
        (36.67, F(3667, 100)),
        (33.5, F(67, 2)),
        (np.float64(0.1), F(1, 10)),
        (Decimal("36.7"), F(367, 10)),
        (F(110, 3), F(110, 3)),
        (np.int8(100), F(100)),
        (44, F(44)),
    ],
)
def test_a_mean_is_read_exactly(written, read):
    mean = Statistic("2B", count=3, mean=written).mean
    assert mean == read and type(mean) is F and type(mean.numerator) is int


@pytest.mark.parametrize("written", [3, 3.0, np.int64(3), np.float32(3), Decimal(3), F(3)])
def test_a_count_is_a_plain_int(written):
    assert type(Statistic("2B", count=written).count) is int
    assert Statistic("2B", count=written).count == 3


def test_numbers_beyond_a_float_are_still_numbers():
    assert Statistic("1A", count=10**400).count == 10**400


def test_a_statistic_keeps_its_own_copy_of_where():
    where = {"sex": "M"}
    statistic = Statistic("2B", where, count=3)
    where["sex"] = "F"
    assert statistic.where == {"sex": "M"}


# A table of them -----------------------------------------------------------------------------------


def table_of(*statistics, schema=SCHEMA, **keywords):
    return PublishedTable(schema, [EVERYBODY, *statistics], **keywords)


@pytest.mark.parametrize(
    ("statistic", "message"),
    [
        (Statistic("2B", {"sex": "M"}, count=8), "count 8 is above n = 7"),
        (Statistic("2B", {"sex": "M"}, count=3, mean=150), "mean 150 lies outside the age range 0–125"),
        (Statistic("2B", {"sex": "M"}, count=3, mean=-1), "mean -1 lies outside the age range 0–125"),
        (Statistic("2B", {"age": range(18, 66)}, count=3, mean=66), "mean 66 lies outside the age range 18–65"),
        (Statistic("2B", {"age": range(18, 66)}, count=4, median=17.5), "median 17.5 lies outside the age range 18–65"),
        (Statistic("2B", {"sex": "M"}, count=3, median=126), "median 126 lies outside the age range 0–125"),
        (Statistic("2B", {"sex": "M"}, minimum=-1), "minimum -1 lies outside the age range 0–125"),
        (Statistic("2B", {"sex": "M"}, maximum=126), "maximum 126 lies outside the age range 0–125"),
        (Statistic("2B", count=7, mean=33.5), "no 7 whole numbers have the mean 33.5 (rounding: exact)"),
        (
            Statistic("2B", {"sex": "M"}, count=3, mean=36.67),
            "no 3 whole numbers have the mean 36.67 (rounding: exact)",
        ),
        (
            Statistic("2B", {"sex": "M"}, count=3, mean=36.67, rounding=Rounding("nearest")),
            "mean 36.67 is not a multiple of the rounding unit 1",
        ),
        (
            Statistic("2B", {"sex": "M"}, count=3, mean=127, rounding=Rounding("nearest", 5)),
            "mean 127 is not a multiple of the rounding unit 5",
        ),
        (
            Statistic("2B", {"sex": "M"}, count=3, mean=135, rounding=Rounding("nearest", 5)),
            "mean 135 lies outside the age range 0–125",
        ),
        (
            Statistic("2B", {"sex": "M"}, count=3, mean=33.5, rounding=Rounding("within", F(1, 100))),
            "no 3 whole numbers have the mean 33.5 (rounding: within)",
        ),
        (Statistic("2B", {"sexe": "M"}, count=3), "unknown column 'sexe'; did you mean 'sex'?"),
        (Statistic("2B", {"sex": "m"}, count=3), "column 'sex' has no value 'm', only ['F', 'M']"),
        (
            Statistic("2B", {"sex": "M"}, count=3, mean=30, of="sex"),
            "of='sex' is not an integer column; these are ['age']",
        ),
        (Statistic("2B", {"sex": "M"}, count=3, of="ages"), "of='ages' is not an integer column; these are ['age']"),
    ],
)
def test_a_figure_that_no_such_people_can_have_is_refused_by_name(statistic, message):
    assert refusal(table_of, statistic) == f"statistic 2B: {message}"


def test_what_is_measured_must_be_known():
    rows = [Statistic("2B", {"sex": "M"}, count=3, mean=3)]
    message = "statistic 2B: say which integer column is measured: of= one of ['age', 'children']"
    assert refusal(table_of, *rows, schema=TWO_MEASURES) == message
    message = "statistic 2B: the schema has no integer column to measure"
    assert refusal(table_of, *rows, schema=Schema(sex=["F", "M"])) == message


@pytest.mark.parametrize(
    ("statistics", "keywords", "message"),
    [
        ([], {}, "an empty table: publish at least the statistic of everybody, with its count"),
        ([EVERYBODY, EVERYBODY], {}, "statistic 1A: the name stands on 2 rows"),
        (
            [Statistic("2B", {"sex": "M"}, count=3)],
            {},
            "the table has no statistic with an empty where and a count: n is unknown",
        ),
        (
            [Statistic("2B", suppressed=True)],
            {},
            "the table has no statistic with an empty where and a count: n is unknown",
        ),
        ([EVERYBODY, Statistic("1B", count=6)], {}, "statistic 1B: everybody is 6 people here, 7 in 1A"),
        ([EVERYBODY], {"suppression_threshold": 0}, "suppression_threshold is a whole number from 1, not 0"),
        ([EVERYBODY], {"suppression_threshold": 2.0}, "suppression_threshold is a whole number from 1, not 2.0"),
        ([EVERYBODY], {"suppression_threshold": True}, "suppression_threshold is a whole number from 1, not True"),
        (
            [EVERYBODY],
            {"rounding": "down"},
            "rounding is a Rounding, such as Rounding(\"nearest\"), not 'down'",
        ),
        (
            [EVERYBODY],
            {"structural_zeros": [{"sex": "F"}, {"agee": 3}]},
            "structural zero 2: unknown column 'agee'; did you mean 'age'?",
        ),
        (
            [EVERYBODY],
            {"structural_zeros": {"sex": "F"}},
            "structural_zeros is a list of where-dicts, not {'sex': 'F'}",
        ),
    ],
)
def test_what_is_no_table_is_refused(statistics, keywords, message):
    assert refusal(PublishedTable, SCHEMA, statistics, **keywords) == message


def test_what_is_legal_though_odd():
    below_the_threshold = Statistic("2B", {"sex": "M"}, count=1)
    second_total = Statistic("1B", count=7, mean=38)
    two_suppressed = [Statistic(name, {"sex": "F"}, suppressed=True) for name in ("a.b c", "é")]
    table = table_of(below_the_threshold, second_total, *two_suppressed)
    assert table.n == 7 and len(table.statistics) == 5


def test_a_mean_rounded_out_of_the_range_is_legal():
    young = Schema(age=range(1, 5))
    rows = [Statistic("1A", count=2, mean=0)]
    assert PublishedTable(young, rows, Rounding("down", 5)).sums(rows[0]) == range(0, 10)
    assert refusal(PublishedTable, young, rows) == "statistic 1A: mean 0 lies outside the age range 1–4"


def test_a_row_may_carry_its_own_rounding(acm):
    by_name = {s.name: s for s in acm.statistics}
    assert acm.rounding_of(by_name["4A"]) == Rounding("nearest", F(1, 10))
    assert list(acm.sums(by_name["4A"])) == [110]
    assert list(acm.sums(by_name["2A"])) == [134]


def test_rows_are_left_out_by_name(acm):
    assert [s.name for s in acm.without("2A", "5C").statistics] == [
        name for name in ACM_GROUPS if name not in ("2A", "5C")
    ]
    assert "no statistic '9Z' to leave out; the table has 1A, 2A" in refusal(acm.without, "9Z")
    assert refusal(acm.without, "1A").endswith("n is unknown")


def test_a_table_shows_what_is_published_and_what_is_not(acm):
    html = acm._repr_html_()
    assert html.count("<td>suppressed</td>") == 3 * 7
    assert "<td>2A</td><td>sex = F</td><td>4</td><td>30</td><td>33.5</td>" in html
    assert "<td>marital = S, age = 15–125</td>" in html and "<td>everybody</td>" in html
    assert repr(acm.without(*list(ACM_GROUPS)[2:])) == "PublishedTable(2 statistics about 7 people: 1A, 2A)"


# The agency's side ---------------------------------------------------------------------------------

RECORD = st.tuples(st.integers(0, 125), st.sampled_from("FM"))
LAYOUT = [
    ("all", {}),
    ("women", {"sex": "F"}),
    ("adults", {"age": range(18, 126)}),
    ("old men", {"age": range(65, 126), "sex": "M"}),
]
BELONGS = {
    "women": lambda age, sex: sex == "F",
    "adults": lambda age, sex: age >= 18,
    "old men": lambda age, sex: age >= 65 and sex == "M",
}


@settings(derandomize=True, max_examples=60, deadline=None, database=None)
@given(
    people=st.lists(RECORD, min_size=1, max_size=12),
    kind=st.sampled_from(["exact", "nearest", "nearest-ties-down", "nearest-even", "down", "within"]),
    unit=st.sampled_from([1, 5, F(1, 2)]),
    threshold=st.integers(1, 4),
)
def test_what_is_tabulated_is_true(people, kind, unit, threshold):
    table = tabulate(people, LAYOUT, SCHEMA, Rounding(kind, unit), threshold)
    frame = Database(SCHEMA, people).frame
    assert [s.name for s in table.statistics] == [name for name, _ in LAYOUT]
    assert rows_that_differ(table, frame, of="age") == []
    assert broken_figures(table, tuple(people)) == []
    for s in table.statistics[1:]:
        size = sum(BELONGS[s.name](*person) for person in people)
        assert s.suppressed == (size < threshold)
        assert s.suppressed or (s.count, s.mean is None, s.median is None) == (size, False, False)


def test_the_truth_is_given_as_a_database_a_frame_or_tuples(acm_people):
    layout = list(ACM_GROUPS.items())
    table = tabulate(acm_people, layout)
    assert tabulate(acm_people.frame, layout, schema=acm_people.schema) == table
    assert tabulate(list(acm_people.rows), layout, schema=acm_people.schema) == table
    assert refusal(tabulate, acm_people.frame, layout) == "records without a schema: pass schema=, or a Database"


def test_the_articles_table_is_what_its_people_tabulate_to(acm, acm_people):
    tabulated = tabulate(acm_people, list(ACM_GROUPS.items()))
    for ours, printed in zip(tabulated.statistics, acm.statistics, strict=True):
        assert (ours.name, ours.count, ours.median, ours.suppressed) == (
            printed.name, printed.count, printed.median, printed.suppressed,
        )  # fmt: skip
        if printed.name != "4A":
            assert ours.mean == printed.mean
    assert [s.mean for s in tabulated.statistics if s.name == "4A"] == [F(110, 3)]


def test_a_layout_says_what_is_measured():
    people = [(30, 2, "F"), (40, 0, "M"), (50, 4, "F")]
    layout = [("all", {}), ("children", {}, "children"), ("of women", {"sex": "F"}, "children")]
    table = tabulate(people, layout, TWO_MEASURES, suppression_threshold=1)
    assert [(s.of, s.mean, s.median) for s in table.statistics] == [
        ("age", 40, 40),
        ("children", 2, 2),
        ("children", 3, 3),
    ]


def test_without_an_integer_column_counts_only_are_published():
    layout = [("all", {}), ("women", {"sex": "F"})]
    table = tabulate([("F",), ("F",), ("M",)], layout, Schema(sex=["F", "M"]), suppression_threshold=2)
    assert [(s.count, s.mean, s.suppressed) for s in table.statistics] == [(3, None, False), (2, None, False)]


def test_nobody_can_be_tabulated():
    (total,) = tabulate([], [("all", {})], SCHEMA).statistics
    assert (total.count, total.mean, total.suppressed) == (0, None, False)


def test_a_layout_with_an_unknown_column_is_refused_by_name():
    message = "statistic men: unknown column 'sexe'; did you mean 'sex'?"
    assert refusal(tabulate, [(8, "F")], [("all", {}), ("men", {"sexe": "M"})], SCHEMA) == message
