"""Tables and people from files: what is read, and where it says a file is wrong."""

from fractions import Fraction as F

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.datasets import data_file
from course_lib.reconstruction import (
    Rounding,
    Schema,
    acm_block,
    census_block,
    count_databases,
    read_records,
    read_statistics,
    read_table,
)
from course_lib.reconstruction.blocks import ACM_GROUPS

GROUPS = {"1A": {}, "2A": {"sex": "F"}, "2B": {"sex": "M"}}
PEOPLE = Schema(age=range(0, 126), sex=["F", "M"], smoker=[False, True])


@pytest.fixture
def file(tmp_path):
    """Write text or bytes into a file."""

    def write(content, name="file"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
        return path

    return write


def refusal(function, *arguments):
    with pytest.raises(ValueError) as error:
        function(*arguments)
    return str(error.value)


# Statistics --------------------------------------------------------------------------------------


def test_a_file_is_read_row_by_row(file):
    text = "statistic,name,count,median,mean\n1A,total,7,30,38\n2A,female,4,,33.5\n\n2B,male,,,\n"
    rows = read_statistics(file(text), GROUPS)
    assert [(s.name, s.where, s.count, s.median, s.mean, s.suppressed) for s in rows] == [
        ("1A", {}, 7, 30, 38, False),
        ("2A", {"sex": "F"}, 4, None, F(67, 2), False),
        ("2B", {"sex": "M"}, None, None, None, True),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "\ufeffstatistic,count,mean\n1A,3,36.7\n",  # the mark that spreadsheets put first
        "statistic, count, mean\n1A, 3, 36.7\n",
        "mean,count,statistic\n36.7,3,1A\n",
        'statistic,count,mean\r\n"1A","3","36.7"\r\n,,\r\n',
        " statistic ,count,mean\n 1A , 3 , 36.7 \n",
    ],
)
def test_spaces_quotes_marks_and_the_order_of_columns_do_not_matter(file, text):
    (row,) = read_statistics(file(text), {"1A": {}})
    assert (row.name, row.count, row.mean, row.median) == ("1A", 3, F(367, 10), None)


def test_a_path_may_be_text_or_a_resource(file):
    path = file("statistic,count\n1A,3\n")
    assert read_statistics(str(path), {"1A": {}}) == read_statistics(path, {"1A": {}})
    assert len(read_statistics(data_file("acm_block_statistics.csv"), ACM_GROUPS)) == 14


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "row 1, column 'statistic': the file does not have this column"),
        ("count,mean\n3,4\n", "row 1, column 'statistic': the file does not have this column"),
        (
            "statistic,count,sum\n1A,3,4\n",
            "row 1, column 'sum': unknown column; known are statistic, name, count, median, mean",
        ),
        ("statistic,count,count\n1A,3,3\n", "row 1, column 'count': the column stands there twice"),
        ("statistic,count\n1A,7\n2C,3\n", "row 3, column 'statistic': where= does not say whom '2C' is about"),
        ("statistic,count\n1A,7\n1A,3\n", "row 3, column 'statistic': '1A' stands on an earlier row too"),
        ("statistic,count\n,7\n", "row 2, column 'statistic': blank; every row needs a name"),
        ("statistic,count\n1A,seven\n", "row 2, column 'count': 'seven' is not a number"),
        ("statistic,count,mean\n\n\n1A,7,38 years\n", "row 4, column 'mean': '38 years' is not a number"),
        ("statistic,count,mean\n1A,3,110/3\n", "row 2, column 'mean': '110/3' is not a number"),
        ("statistic,count\n1A,1_000\n", "row 2, column 'count': '1_000' is not a number"),
        ("statistic,count\n1A,1e999999999\n", "row 2, column 'count': '1e999999999' is not a number"),
        ("statistic,count\n1A,nan\n", "row 2, column 'count': 'nan' is not a number"),
        ("statistic,count\n1A,inf\n", "row 2, column 'count': 'inf' is not a number"),
        ('statistic,count\n1A,"1,5"\n', "row 2, column 'count': '1,5' is not a number"),
        ("statistic,count,mean\n1A,,38\n", "row 2, column 'mean': a mean needs its count"),
        ("statistic,count,median\n1A,,38\n", "row 2, column 'median': a median needs its count"),
        ("statistic,mean\n1A,38\n", "row 2, column 'mean': a mean needs its count"),
        ("statistic,count,mean\n1A,7\n", "row 2, column 'mean': 2 fields under 3 column names"),
        ("statistic,count,mean\n1A,7,38,9\n", "row 2, column 'mean': 4 fields under 3 column names"),
        ("statistic,count\n1A,2.5\n", "row 2, column 'count': statistic 1A: count 2.5 is not a whole number"),
        ("statistic,count\n1A,-3\n", "row 2, column 'count': statistic 1A: count -3 is negative"),
        (
            "statistic,count,mean\n1A,0,38\n",
            "row 2, column 'mean': statistic 1A: nobody matches (count 0), so there is no mean",
        ),
        (
            "statistic,count,median\n1A,4,30.3\n",
            "row 2, column 'median': statistic 1A: median 30.3 is not a multiple of one half",
        ),
    ],
)
def test_a_fault_is_placed_by_row_and_column(file, text, message):
    assert refusal(read_statistics, file(text), {"1A": {}}) == message


def test_a_statistic_called_after_a_figure_is_not_taken_for_it(file):
    text = "statistic,count\nmean age of all,-3\n"
    message = "row 2, column 'count': statistic mean age of all: count -3 is negative"
    assert refusal(read_statistics, file(text), {"mean age of all": {}}) == message


def test_a_where_that_no_row_uses_is_refused(file):
    text = "statistic,count\n1A,7\n2A,4\n"
    assert refusal(read_statistics, file(text), GROUPS) == "where= names '2B', and no row of column 'statistic' does"


def test_a_file_that_is_not_there_is_not_found(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_statistics(tmp_path / "none.csv", GROUPS)


@settings(derandomize=True, max_examples=100, deadline=None, database=None)
@given(content=st.one_of(st.text(max_size=60), st.text(alphabet='statistic,coun\nm1A7".', max_size=60)))
def test_any_text_is_read_or_refused_with_a_place(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("any") / "table.csv"
    path.write_text(content, encoding="utf-8", errors="ignore", newline="")
    assert refusal(read_statistics, path, GROUPS).startswith(("row ", "where= names"))


# Tables ------------------------------------------------------------------------------------------

ARTICLE = """
suppression_threshold = 3
structural_zeros = [{marital = "M", age = {from = 0, to = 14}}]

[schema]
age = {from = 0, to = 125}
sex = ["F", "M"]
race = ["B", "W"]
marital = ["M", "S"]
"""


def article_as_toml():
    lines = [ARTICLE]
    for s in acm_block().statistics:
        lines += ["[[statistic]]", f'name = "{s.name}"']
        conditions = [
            f"{c} = {{from = {v[0]}, to = {v[-1]}}}" if isinstance(v, range) else f'{c} = "{v}"'
            for c, v in s.where.items()
        ]
        lines += [f"where = {{{', '.join(conditions)}}}"] if conditions else []
        if s.suppressed:
            lines.append("suppressed = true")
        else:
            lines += [f"count = {s.count}", f"median = {float(s.median)}", f"mean = {float(s.mean)}"]
        if s.rounding:
            lines.append('rounding = {kind = "nearest", unit = "1/10"}')
    return "\n".join(lines)


def test_the_articles_table_survives_a_file(file):
    assert read_table(file(article_as_toml())) == acm_block()
    assert read_table(str(file(article_as_toml()))) == acm_block()


SMALL = """
[schema]
age = {from = 1, to = 9}
team = [1, 2, 3]
smoker = [false, true]
[[statistic]]
name = "all"
count = 3
"""


def test_every_field_can_be_written(file):
    more = """
[[statistic]]
name = "some"
where = {team = [1, 3], smoker = true, age = 4}
count = 2
mean = 4
median = 4.0
minimum = 4
maximum = 4
of = "age"
rounding = "down"
"""
    table = read_table(file('rounding = {kind = "within", unit = 0.5}\nsuppression_threshold = 2\n' + SMALL + more))
    some = table.statistics[1]
    assert table.schema == Schema(age=range(1, 10), team=[1, 2, 3], smoker=[False, True])
    assert (table.rounding, table.suppression_threshold, table.n) == (Rounding("within", F(1, 2)), 2, 3)
    assert some.where == {"team": [1, 3], "smoker": True, "age": 4}
    assert (some.count, some.mean, some.median, some.minimum, some.maximum) == (2, 4, 4, 4, 4)
    assert (some.of, some.rounding) == ("age", Rounding("down"))


def test_a_table_without_settings_has_the_usual_ones(file):
    table = read_table(file(SMALL))
    assert (table.rounding, table.suppression_threshold, table.structural_zeros) == (Rounding("exact"), 3, ())
    assert count_databases(table, limit=10).value == 10


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[schema]\nage = {from = 0, to = 3}\n", "the file has no 'statistic'"),
        ("[[statistic]]\nname = 'all'\n", "the file has no 'schema'"),
        (
            "threshold = 3\n" + SMALL,
            "unknown key 'threshold'; known are schema, statistic, suppression_threshold, rounding, structural_zeros",
        ),
        ("schema = 3\n[[statistic]]\nname = 'all'\n", "[schema] holds column = values, not 3"),
        ("[schema]\nage = 3\n[[statistic]]\nname = 'all'\n", "column 'age': give a range or a list of values, not 3"),
        (
            "[schema]\nage = {from = 0}\n[[statistic]]\nname = 'all'\n",
            "{'from': 0}: a range is written {from = 0, to = 125}, both whole and included",
        ),
        (
            "[schema]\nage = {from = 0, to = 2.5}\n[[statistic]]\nname = 'all'\n",
            "{'from': 0, 'to': 2.5}: a range is written {from = 0, to = 125}, both whole and included",
        ),
        ("[schema]\nage = {from = 5, to = 3}\n[[statistic]]\nname = 'all'\n", "column 'age' has no value"),
        ("statistic = 3\n[schema]\nsex = ['F']\n", "[[statistic]] is a list of tables, not 3"),
        (
            "[schema]\nsex = ['F']\n[statistic]\nname = 'all'\n",
            "[[statistic]] is a list of tables, not {'name': 'all'}",
        ),
        ("statistic = [3]\n[schema]\nsex = ['F']\n", "[[statistic]] number 1 has no name"),
        (SMALL + "[[statistic]]\ncount = 2\n", "[[statistic]] number 2 has no name"),
        (SMALL + "[[statistic]]\nname = 'x'\nwhere = 3\n", "statistic x: where holds column = values, not 3"),
        (SMALL + "[[statistic]]\nname = 'x'\ncont = 3\n", "statistic x: unknown key 'cont'"),
        (SMALL + "[[statistic]]\nname = 'x'\ncount = '3'\n", "statistic x: count '3' is not a number"),
        (SMALL + "[[statistic]]\nname = 'x'\ncount = true\n", "statistic x: count True is not a number"),
        (
            SMALL + "[[statistic]]\nname = 'x'\nsuppressed = 'no'\n",
            "statistic x: suppressed is True or False, not 'no'",
        ),
        (
            SMALL + "[[statistic]]\nname = 'x'\ncount = 1\nmean = nan\n",
            "statistic x: mean is nan; publish a finite number or leave it out",
        ),
        (
            SMALL + "[[statistic]]\nname = 'x'\nwhere = {smoker = 'yes'}\ncount = 1\n",
            "statistic x: column 'smoker' has no value 'yes', only [False, True]",
        ),
        ("structural_zeros = 3\n" + SMALL, "structural_zeros is a list of tables, not 3"),
        ("structural_zeros = [3]\n" + SMALL, "structural_zeros holds column = values, not 3"),
        ("suppression_threshold = 2.5\n" + SMALL, "suppression_threshold is a whole number from 1, not 2.5"),
        (
            "rounding = 3\n" + SMALL,
            "unknown rounding 3; choose one of exact, nearest, nearest-ties-down, nearest-even, down, within",
        ),
        ("rounding = {kind = 'down', units = 3}\n" + SMALL, "rounding has a kind and a unit, not 'units'"),
        (
            "rounding = {kind = 'down', unit = '1/0'}\n" + SMALL,
            "rounding unit '1/0' is not a number such as 5, 0.1 or \"1/10\"",
        ),
        (
            "rounding = {kind = 'down', unit = true}\n" + SMALL,
            'rounding unit True is not a number such as 5, 0.1 or "1/10"',
        ),
    ],
)
def test_what_is_no_table_is_refused_by_its_part(file, text, message):
    assert refusal(read_table, file(text)) == message


@pytest.mark.parametrize("content", [b"\xff\xfe\x00garbage", "[schema", "age: 3\n", "\x00"])
def test_what_is_no_toml_is_said_to_be_none(file, content):
    assert refusal(read_table, file(content)).startswith("not a TOML file: ")


# People ------------------------------------------------------------------------------------------


def test_people_are_read_in_the_schemas_values(file):
    text = "name,smoker,age,sex\nBob,True,30,M\nZoë,False,8,F\n"
    assert read_records(file(text), PEOPLE).rows == ((8, "F", False), (30, "M", True))
    assert len(read_records(data_file("census_block_records.csv"), census_block().schema)) == 7


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "row 1, column 'age': the file does not have this column"),
        ("age,sex\n8,F\n", "row 1, column 'smoker': the file does not have this column"),
        ("age,sex,smoker\n8,F,True\n200,F,True\n", "row 3, column 'age': '200' is not one of the column's values"),
        ("age,sex,smoker\n8,F,true\n", "row 2, column 'smoker': 'true' is not one of the column's values"),
        ("age,sex,smoker\n8,F\n", "row 2, column 'smoker': None is not one of the column's values"),
        ("age,sex,smoker\n8.0,F,True\n", "row 2, column 'age': '8.0' is not one of the column's values"),
    ],
)
def test_a_person_that_does_not_fit_is_placed_by_row_and_column(file, text, message):
    assert refusal(read_records, file(text), PEOPLE) == message
