"""The pieces of the encodings, and the notebook encoding with the flaws that chapter 1 finds in it."""

from dataclasses import replace
from fractions import Fraction as F
from itertools import islice, product

import pytest
import z3
from hypothesis import HealthCheck, given, settings
from reconstruction_oracle import broken_figures, every_multiset, fitting, meets, middle, tables

from course_lib.deadline import Deadline
from course_lib.reconstruction import (
    PublishedTable,
    Rounding,
    Schema,
    Statistic,
    cell_match,
    census_block,
    databases,
    index_vectors,
    random_block,
    reconstruct,
    violations,
)
from course_lib.reconstruction.constraints import at_most, is_among, median_is
from course_lib.reconstruction.direct import People
from course_lib.reconstruction.head_counts import person_types


def solutions(constraints, unknowns, low, high):
    """All values of the unknowns within a range that meet the constraints, one solver call each."""
    solver = z3.SimpleSolver()
    solver.add(constraints)
    return {
        values
        for values in product(range(low, high + 1), repeat=len(unknowns))
        if solver.check([u == v for u, v in zip(unknowns, values, strict=True)]) == z3.sat
    }


# Constraints --------------------------------------------------------------------------------------


@pytest.mark.parametrize("admitted", [{3}, {0, 1, 2}, {-2, 0, 1, 5}, set()])
def test_is_among_admits_these_values_only(admitted):
    x = z3.Int("x")
    assert solutions(is_among(x, frozenset(admitted)), [x], -3, 6) == {(value,) for value in admitted}


@pytest.mark.parametrize("length", [1, 2])
def test_at_most_is_the_order_of_tuples(length):
    unknowns = z3.Ints("a b c d")[: 2 * length]
    found = solutions(at_most(unknowns[:length], unknowns[length:]), unknowns, 0, 2)
    assert found == {v for v in product(range(3), repeat=2 * length) if v[:length] <= v[length:]}


@pytest.mark.parametrize(("n", "median"), [(1, 1), (2, 1), (2, F(3, 2)), (3, 2), (4, F(1, 2)), (4, 2)])
def test_median_is_true_of_those_with_that_median(n, median):
    ages = [z3.Int(f"age_{i}") for i in range(n)]
    found = solutions(median_is(Statistic("all of them", count=n, median=median), ages), ages, 0, 3)
    assert found == {values for values in product(range(4), repeat=n) if middle(list(values)) == median}


def test_median_of_a_group_looks_at_its_members_only():
    ages, inside = z3.Ints("a b c"), list(z3.Bools("p q r"))
    solver = z3.SimpleSolver()
    solver.add(median_is(Statistic("2A", count=2, median=F(5, 2)), ages, inside))
    solver.add(ages[0] == 1, ages[1] == 0, ages[2] == 4)
    fits = [
        members
        for members in product([False, True], repeat=3)
        if sum(members) == 2 and solver.check([m == v for m, v in zip(inside, members, strict=True)]) == z3.sat
    ]
    assert fits == [(True, False, True)]


# Types of people ----------------------------------------------------------------------------------


def test_types_partition_the_possible_records(acm):
    types = person_types(acm)
    columns = list(acm.schema.columns)
    for record in product(*acm.schema.columns.values()):
        one_record = {c: frozenset([v]) for c, v in zip(columns, record, strict=True)}
        impossible = any(meets(record, columns, zero) for zero in acm.structural_zeros)
        assert sum(t.may_match(one_record) for t in types) == (0 if impossible else 1), record


def test_suppressed_rows_cut_no_bands(acm):
    bands = {t.values["age"] for t in person_types(acm)}
    assert bands == {range(0, 15), range(15, 126)}  # the structural zero's; 5A, 5B and 5C are suppressed


def test_a_type_matches_wholly_partly_or_not_at_all():
    rows = [Statistic("1A", count=3), Statistic("5B", {"age": range(0, 18)}, count=1)]
    schema = Schema(age=range(0, 126), sex=["F", "M"])
    girl = person_types(PublishedTable(schema, rows))[0]
    children, under_five = ({"age": frozenset(range(k))} for k in (18, 5))
    assert girl.matches(children) and not girl.matches(under_five) and girl.may_match(under_five)
    assert not girl.may_match({"sex": frozenset(["M"])}) and girl.matches({})


# One person at a time ----------------------------------------------------------------------------


def test_the_direct_encoding_names_its_figures(acm):
    names = [f"{s.name}.{figure}" for s in acm.statistics for figure in ("count", "mean", "median") if s.count]
    expected = {*names, *(f"{s.name}.suppressed" for s in acm.statistics if s.suppressed)} - {"1A.count"}
    assert set(People(acm).atoms) == expected


@pytest.mark.parametrize("figure", ["count", "mean", "median", "minimum", "maximum"])
def test_each_figure_of_the_direct_encoding_says_what_it_publishes(figure):
    schema = Schema(age=range(0, 3), race=["B", "W", "O"])
    figures = {"count": 2, "mean": F(3, 2), "median": F(3, 2), "minimum": 1, "maximum": 2}
    only = {"count": 2, figure: figures[figure]} if figure in ("mean", "median") else {figure: figures[figure]}
    table = PublishedTable(schema, [Statistic("1A", count=3), Statistic("2A", {"race": ["B", "O"]}, **only)])
    people = People(table)
    solver = z3.SimpleSolver()
    solver.add(*people.background, *people.atoms[f"2A.{figure}"])
    for records in every_multiset(table):
        exactly = [people.is_record(row, record) for row, record in zip(people.rows, records, strict=True)]
        assert (solver.check(exactly) == z3.sat) == (not broken_figures(table, records)), records


# The notebook's encoding ---------------------------------------------------------------------------


def whole_space(table):
    return list(index_vectors.databases(table, Deadline(120)))


def test_its_whole_space_is_that_of_floor_and_does_not_hold_the_truth(census, census_people):
    found = whole_space(census)
    assert len(found) == len(set(found)) == 3
    assert set(found) == set(databases(census_block(Rounding("down"))))
    assert census_people not in found
    assert {d.rows[0][0] for d in found} == {9}  # where the truth has a child of 8


def test_its_best_database_is_one_cell_off(census, census_people):
    matches = sorted(cell_match(census_people, database) for database in whole_space(census))
    assert matches == [pytest.approx(26 / 28), pytest.approx(26 / 28), pytest.approx(27 / 28)]


def test_what_its_databases_break_is_named(census):
    broken = {violations(census, database) for database in whole_space(census)}
    assert broken == {("A2", "C2"), ("A2", "B2", "C2", "D2")}
    result = reconstruct(census, "index-vectors")
    assert result.status == "consistent" and result.violations in broken
    assert reconstruct(census_block(Rounding("down")), "index-vectors").violations == ()


def test_its_floor_division_takes_the_articles_table_for_contradictory(acm, acm_people):
    # 110 * 10 / 3 is 366 with floor division, and 36.7 says 367.
    assert whole_space(acm) == []
    rows = [replace(s, mean=F(110, 3), rounding=None) if s.name == "4A" else s for s in acm.statistics]
    exact = replace(acm, statistics=rows)
    # Elsewhere the floor lets sums pass that are too large by one or two.
    assert [d for d in whole_space(exact) if not violations(exact, d)] == [acm_people] != whole_space(exact)


PAIRS = Schema(age=range(0, 2), a=["x", "y"], b=["x", "y"])


def pair_table(*statistics, n=4, ax=2, bx=2, schema=PAIRS):
    a, b = schema.categorical_columns
    rows = [Statistic("n", count=n), Statistic("of a", {a: schema.columns[a][0]}, count=ax)]
    return PublishedTable(schema, [*rows, Statistic("of b", {b: schema.columns[b][0]}, count=bx), *statistics])


def test_its_pair_cells_are_lower_bounds():
    table = pair_table(Statistic("both", {"a": "x", "b": "x"}, count=1))
    sizes = {sum(r[1:] == ("x", "x") for r in database.rows) for database in whole_space(table)}
    assert sizes == {1, 2}
    assert {violations(table, database) for database in whole_space(table)} == {(), ("both",)}
    assert all(violations(table, database) == () for database in databases(table))


@settings(
    max_examples=60,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)
@given(tables(n=(1, 4), cohorts=True))
def test_its_flaws_are_two_and_named(table):
    try:
        found = list(islice(index_vectors.databases(table, Deadline(60)), 61))
    except ValueError as error:
        assert str(error).endswith('the encoding "index-vectors" needs the count of a group')
        return
    assert len(set(found)) == len(found)
    broken = {database: broken_figures(table, database.rows) for database in found}
    for database, figures in broken.items():
        assert set(violations(table, database)) == {figure.rsplit(".", 1)[0] for figure in figures}
        # A mean by floor division, and figures of a group that is more than one cohort: nothing else.
        assert all(figure.endswith(".mean") or figure.rsplit(".", 1)[0] in lower_bounds(table) for figure in figures)
    if len(found) <= 60 and all(s.mean is None or table.rounding_of(s).kind == "exact" for s in table.statistics):
        assert fitting(table) == {database.rows for database, figures in broken.items() if not figures}


def lower_bounds(table):
    """Rows whose group the encoding takes for a subset: neither everybody nor one value of one attribute."""
    names = set()
    for s in table.statistics:
        column, condition = next(iter(s.where.items()), (None, None))
        one_cohort = (
            len(s.where) == 1 and column in table.schema.categorical_columns and not isinstance(condition, list)
        )
        if s.where and not s.suppressed and not one_cohort:
            names.add(s.name)
    return names


@pytest.mark.parametrize(
    "figures",
    [
        {"count": 2, "minimum": 1},
        {"count": 2, "maximum": 1},
        {"count": 2, "median": F(1, 2)},
        {"count": 3, "median": 1},
        {"count": 3, "mean": F(2, 3), "median": 0},
    ],
)
def test_order_within_a_cohort_is_kept(figures):
    women = Statistic("2A", {"sex": "F"}, **figures)
    table = PublishedTable(Schema(age=range(3), sex=["F", "M"]), [Statistic("1A", count=4), women])
    assert {database.rows for database in whole_space(table)} == fitting(table)


def test_groups_whose_names_run_together_are_kept_apart():
    both = Statistic("g", {"a": "x", "b": "x"}, count=1)
    other = Statistic("not g", {"a": "y", "b": "x"}, count=1)
    infants = Schema(age=range(0, 2), a=["x", "y"], b=["x", "y"])
    spaces = [set(whole_space(pair_table(both, replace(other, name=name), schema=infants))) for name in ("not g", "h")]
    assert spaces[0] == spaces[1] and len(spaces[0]) > 1


def test_columns_whose_names_run_together_are_kept_apart():
    odd = Schema(age=range(0, 2), a=["b_x", "y"], a_b=["x", "y"])
    plain = Schema(age=range(0, 2), a=["x", "y"], b=["x", "y"])
    assert len(whole_space(pair_table(n=3, ax=1, bx=1, schema=odd))) == len(
        whole_space(pair_table(n=3, ax=1, bx=1, schema=plain))
    )


def test_two_sizes_of_one_cohort_are_a_contradiction():
    again = Statistic("again", {"a": "x"}, count=3, median=1)
    assert reconstruct(pair_table(again), "index-vectors").status == "contradictory"
    assert reconstruct(pair_table(Statistic("y", {"a": "y"}, count=3)), "index-vectors").status == "contradictory"


@pytest.mark.parametrize(
    ("schema", "statistics", "message"),
    [
        (
            Schema(age=range(3), children=range(3)),
            [],
            'the encoding "index-vectors" is one array of ages: it needs exactly one integer column, '
            "and the schema has ['age', 'children']",
        ),
        (
            Schema(sex=["F", "M"]),
            [],
            'the encoding "index-vectors" is one array of ages: it needs exactly one integer column, '
            "and the schema has []",
        ),
        (
            Schema(age=range(3), race=["B", "W", "O"]),
            [Statistic("2C", {"race": "B"}, count=1)],
            "the encoding \"index-vectors\" needs the size of each cohort: column 'race' has no count for 'W' and 'O'",
        ),
        (
            Schema(age=range(3), sex=["F", "M"]),
            [Statistic("2A", {"sex": "F"}, count=1), Statistic("2B", {"sex": "M"}, minimum=1)],
            'statistic 2B: the encoding "index-vectors" needs the count of a group',
        ),
    ],
)
def test_a_table_it_cannot_express_is_refused(schema, statistics, message):
    table = PublishedTable(schema, [Statistic("1A", count=3), *statistics])
    with pytest.raises(ValueError) as error:
        reconstruct(table, "index-vectors")
    assert str(error.value) == message
    assert reconstruct(table).status == "consistent"


def test_a_third_value_gets_what_is_left():
    rows = [Statistic("2C", {"race": "B"}, count=1), Statistic("2D", {"race": "W"}, count=1, median=2)]
    table = PublishedTable(Schema(age=range(3), race=["B", "W", "O"]), [Statistic("1A", count=4), *rows])
    database = reconstruct(table, "index-vectors").database
    assert [record[1] for record in database.rows].count("O") == 2 and (2, "W") in database.rows


@pytest.mark.parametrize("seed", [0, 4, 5, 11])
def test_what_it_makes_of_a_random_block_breaks_the_rows_it_names(seed):
    _, table = random_block(7, seed)
    result = reconstruct(table, "index-vectors", timeout=60)
    assert result.status == "consistent"  # exact means pass the floor, so at least the truth fits
    broken = {name.rsplit(".", 1)[0] for name in broken_figures(table, result.database.rows)}
    assert set(result.violations) == broken
