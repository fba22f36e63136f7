"""What a database breaks, against plain loops, for databases that fit and that do not."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reconstruction_oracle import broken_figures, tables

from course_lib.reconstruction import Database, PublishedTable, Rounding, Schema, Statistic, violations


@settings(
    max_examples=200, derandomize=True, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow]
)
@given(st.data(), tables(n=(1, 4)))
def test_what_a_database_breaks_is_named(data, table):
    record = st.tuples(*(st.sampled_from(list(values)) for values in table.schema.columns.values()))
    records = data.draw(st.lists(record, min_size=table.n, max_size=table.n))
    found = violations(table, Database(table.schema, records))
    figures = broken_figures(table, tuple(records))
    rows = {figure.rsplit(".", 1)[0] for figure in figures} - {"zero"}
    order = [s.name for s in table.statistics]
    assert [name for name in found if name in order] == [name for name in order if name in rows]
    assert ("zero" in figures) == any(name.startswith("structural zero ") for name in found)


def test_names_come_in_the_tables_order_and_zeros_last():
    schema = Schema(age=range(0, 10), sex=["F", "M"])
    rows = [
        Statistic("1A", count=3, mean=5),
        Statistic("2B", {"sex": "M"}, suppressed=True),
        Statistic("2A", {"sex": "F"}, minimum=3),
        Statistic("3A", {"age": 9}, maximum=9),
    ]
    table = PublishedTable(schema, rows, suppression_threshold=2, structural_zeros=[{"age": 0}, {"sex": "M", "age": 9}])
    men = Database(schema, [(5, "M"), (8, "M"), (9, "M")])
    assert violations(table, men) == ("1A", "2B", "2A", "structural zero 2")
    assert violations(table, Database(schema, [(3, "F"), (3, "F"), (9, "F")])) == ()


def test_both_ends_of_an_error_within_count():
    table = PublishedTable(Schema(age=range(0, 10)), [Statistic("1A", count=2, mean=5)], Rounding("within"))
    fits = {total: violations(table, Database(table.schema, [(total - 4,), (4,)])) == () for total in range(8, 13)}
    assert fits == {8: False, 9: True, 10: True, 11: True, 12: False}
