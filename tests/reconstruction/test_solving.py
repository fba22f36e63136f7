"""Databases that fit: the counts of the course, an oracle that tries everything, time limits."""

import inspect
from fractions import Fraction as F
from itertools import combinations, islice

import pytest
from hypothesis import HealthCheck, example, given, settings
from reconstruction_oracle import fitting, rows_that_differ, tables

from course_lib.deadline import Deadline
from course_lib.reconstruction import (
    DatabaseCount,
    PublishedTable,
    Reconstruction,
    Rounding,
    Schema,
    SolverUndecided,
    Statistic,
    census_block,
    count_databases,
    databases,
    direct,
    is_unique,
    random_block,
    reconstruct,
    round_means,
    suppress,
    tabulate,
)
from course_lib.reconstruction.blocks import ACM_GROUPS, CENSUS_GROUPS

MARKED = ["3A", "4B", "4C", "4D", "5A", "5B", "5C"]


def listed(table):
    """All databases of a table, from the encoding that scales, each checked by pandas."""
    found = list(databases(table))
    assert len(set(found)) == len(found)
    for database in found:
        assert rows_that_differ(table, database.frame, of="age") == []
    return found


def people(text):
    """Records from the article's short form: "8FBS 18MWS"."""
    return tuple((int(word[:-3]), *word[-3:]) for word in text.split())


# The seven people of chapter 1 -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "n_databases", "holds_truth"),
    [("down", 3, False), ("nearest", 0, False), ("nearest-ties-down", 5, True), ("within", 6, True)],
)
def test_how_the_means_were_rounded_decides_what_fits(census_people, kind, n_databases, holds_truth):
    table = census_block(Rounding(kind))
    found = listed(table)
    assert len(found) == n_databases
    assert (census_people in found) == holds_truth
    assert count_databases(table) == DatabaseCount(n_databases, exact=True)
    assert reconstruct(table).status == ("consistent" if n_databases else "contradictory")


def exact_census(census, census_people):
    layout = list(CENSUS_GROUPS.items())
    return tabulate(census_people, layout, structural_zeros=census.structural_zeros)


def test_exact_means_leave_the_truth_alone(census, census_people):
    assert listed(exact_census(census, census_people)) == [census_people]
    assert is_unique(exact_census(census, census_people))


def test_the_suppressed_line_of_chapter_1_gives_nothing_away(census):
    assert set(listed(census)) == set(listed(census.without("A3")))
    assert len(listed(census)) == 5


def test_a_wider_age_range_changes_nothing_in_chapter_1(census):
    assert set(databases(census_block(oldest=125))) != set(databases(census))  # another schema, so never equal
    assert {d.rows for d in databases(census_block(oldest=125))} == {d.rows for d in databases(census)}


# The article's table -----------------------------------------------------------------------------


def test_the_articles_table_has_one_database(acm, acm_people):
    assert listed(acm) == [acm_people]
    assert acm_people.rows == people("8FBS 18MWS 24FWS 30MWM 36FBM 66FBM 84MBM")
    assert is_unique(acm)


@pytest.mark.parametrize("row", ["2A", "2B", "2C", "2D"])
def test_any_one_row_of_sex_or_race_can_go(acm, acm_people, row):
    assert listed(acm.without(row)) == [acm_people]


def test_without_both_sexes_the_marks_leak(acm, acm_people):
    other_marks = [name for name in MARKED if name != "3A"]
    as_in_the_article = listed(acm.without("2A", "2B", *other_marks))
    with_all_marks = listed(acm.without("2A", "2B"))
    assert (len(as_in_the_article), len(with_all_marks)) == (8, 6)
    assert set(with_all_marks) < set(as_in_the_article)
    assert acm_people in with_all_marks


def test_without_both_races(acm):
    other_marks = [name for name in MARKED if name != "3A"]
    assert len(listed(acm.without("2C", "2D", *other_marks))) == 24
    assert len(listed(acm.without("2C", "2D"))) == 18


def test_without_4a_there_is_one_other_block(acm, acm_people):
    other = people("2FBS 12MWS 24FWM 30MBM 36FWS 72FBM 90MBM")
    assert {d.rows for d in listed(acm.without("4A"))} == {acm_people.rows, other}


def test_without_3b(acm):
    assert len(listed(acm.without("3B"))) == 22


def test_two_databases_are_not_one(acm):
    assert is_unique(acm.without("2A")) is True
    assert is_unique(acm.without("4A")) is False
    assert is_unique(acm.without("3B")) is False


@pytest.mark.parametrize(("youngest", "n_triples"), [(1, 30), (0, 31)])
def test_three_males_with_median_30_and_mean_44(youngest, n_triples):
    table = PublishedTable(Schema(age=range(youngest, 126)), [Statistic("2B", count=3, median=30, mean=44)])
    by_hand = {(a, 30, 102 - a) for a in range(youngest, 31) if 30 <= 102 - a <= 125}
    assert {tuple(age for (age,) in database.rows) for database in databases(table)} == by_hand
    assert len(by_hand) == n_triples


# Rounding more, suppressing more -----------------------------------------------------------------


def blocks_without_a_solver(table):
    """How many blocks fit the article's layout, by listing ages race by race; for counts of 4 black, 3 white.

    Four of the seven are black, four are female, four are married; the sums of these groups lie in
    the table's ranges and their medians are 51, 30 and 51. Only what is published is used, and what
    the three complements follow from.
    """
    rows = {s.name: s for s in table.statistics}
    sums = {name: set(table.sums(s)) for name, s in rows.items() if s.mean is not None}
    white_sums = {t - b for t in sums["1A"] for b in sums["2C"]} & sums.get("2D", set(range(3 * 125 + 1)))
    # b <= c <= d <= e with c + d = 102, the sum of the middle two.
    black = [
        (b, c, 102 - c, total - 102 - b)
        for total in sums["2C"]
        for c in range(0, 52)
        for b in range(0, c + 1)
        if 102 - c <= total - 102 - b <= 125
    ]
    middles = [int(rows["2D"].median)] if "2D" in sums else range(126)
    white = [
        (u, v, total - u - v)
        for total in white_sums
        for v in middles
        for u in range(0, v + 1)
        if v <= total - u - v <= 125
    ]
    found = set()
    for ages in (b + w for b in black for w in white if sum(b) + sum(w) in sums["1A"]):
        if sorted(ages)[3] != 30:
            continue
        fours = [
            (chosen, sum(values), values[1] + values[2])
            for chosen in combinations(range(7), 4)
            for values in [sorted(ages[i] for i in chosen)]
        ]
        women = [chosen for chosen, total, middle in fours if middle == 60 and total in sums["2A"]]
        wed = [chosen for chosen, total, middle in fours if middle == 102 and total in sums["3B"]]
        for f in women:
            for m in wed:
                block = [(a, "MF"[i in f], "WB"[i < 4], "SM"[i in m]) for i, a in enumerate(ages)]
                found.add(tuple(sorted(block)))
    frames = (([r[0] for r in block], block) for block in found)
    return sum(_fits_the_rest(table, rows, ages, block) for ages, block in frames)


def _fits_the_rest(table, rows, ages, block):
    tests = {
        "2A": lambda a, s, r, m: s == "F",
        "2B": lambda a, s, r, m: s == "M",
        "2D": lambda a, s, r, m: r == "W",
        "3A": lambda a, s, r, m: m == "S" and a >= 15,
        "4A": lambda a, s, r, m: s == "F" and r == "B",
        "4B": lambda a, s, r, m: s == "M" and r == "B",
        "4C": lambda a, s, r, m: s == "M" and r == "W",
        "4D": lambda a, s, r, m: s == "F" and r == "W",
        "5A": lambda a, s, r, m: a < 5,
        "5B": lambda a, s, r, m: a < 18,
        "5C": lambda a, s, r, m: a >= 64,
    }
    if any(m == "M" and a < 15 for a, _, _, m in block):
        return False
    for name, test in tests.items():
        group = sorted(record[0] for record in block if test(*record))
        s = rows[name]
        if s.suppressed:
            if len(group) >= table.suppression_threshold:
                return False
        elif len(group) != s.count or sum(group) not in table.sums(s) or F(group[1]) != s.median and len(group) == 3:
            return False
    return True


def article_layout(acm, acm_people, **keywords):
    """The article's fourteen rows about its own people, published anew."""
    return tabulate(acm_people, list(ACM_GROUPS.items()), structural_zeros=acm.structural_zeros, **keywords)


@pytest.mark.parametrize(("unit", "n_databases"), [(F(1, 10), 1), (F(1, 2), 2), (1, 20), (2, 97)])
def test_the_coarser_the_means_the_more_blocks_fit(acm, acm_people, unit, n_databases):
    table = article_layout(acm, acm_people, rounding=Rounding("nearest", unit))
    assert table == round_means(article_layout(acm, acm_people), Rounding("nearest", unit))
    found = listed(table)
    assert len(found) == n_databases and acm_people in found
    if unit == 1:
        assert blocks_without_a_solver(table) == n_databases


def test_exact_means_of_the_articles_layout(acm, acm_people):
    assert listed(article_layout(acm, acm_people)) == [acm_people]


@pytest.mark.slow
@pytest.mark.parametrize(("unit", "n_databases"), [(5, 1967), (10, 10352)])
def test_very_coarse_means(acm, acm_people, unit, n_databases):
    table = article_layout(acm, acm_people, rounding=Rounding("nearest", unit))
    assert count_databases(table) == DatabaseCount(n_databases, exact=True)
    assert blocks_without_a_solver(table) == n_databases


@pytest.mark.parametrize(("threshold", "n_databases"), [(1, 1), (2, 1), (3, 1), (4, 8)])
def test_the_rule_of_three_does_nothing_here(acm, acm_people, threshold, n_databases):
    table = article_layout(acm, acm_people, suppression_threshold=threshold)
    found = listed(table)
    assert len(found) == n_databases and acm_people in found
    if threshold == 4:
        assert blocks_without_a_solver(table) == n_databases
        assert len(listed(suppress(acm, threshold))) == n_databases


def test_a_threshold_of_five_leaves_more_than_five_hundred(acm, acm_people):
    table = article_layout(acm, acm_people, suppression_threshold=5)
    assert count_databases(table, limit=500) == DatabaseCount(500, exact=False)


# Every small table -------------------------------------------------------------------------------

MANY = 60


def compare_with_the_oracle(table):
    expected = fitting(table)
    # One more than expected would show; where the whole list is long, a part of it must do.
    limit = len(expected) + 1 if len(expected) <= MANY else MANY
    for found in (databases(table, limit=limit), islice(direct.databases(table, Deadline()), limit)):
        rows = [database.rows for database in found]
        assert len(set(rows)) == len(rows)
        assert set(rows) == expected if len(expected) <= MANY else set(rows) < expected and len(rows) == MANY
    result = reconstruct(table)
    assert result.status == ("consistent" if expected else "contradictory")
    assert result.violations == () and (result.database is None or result.database.rows in expected)


ONE = {"max_examples": 70, "derandomize": True, "deadline": None, "database": None}
QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large]
PAIR = Schema(age=range(0, 4), sex=["F", "M"])


@settings(**ONE, suppress_health_check=QUIET)
@given(tables(n=(1, 4)))
@example(PublishedTable(PAIR, [Statistic("all of us", count=2, median=1.5)]))
@example(PublishedTable(PAIR, [Statistic("1A", count=3), Statistic("1B", suppressed=True)]))
@example(PublishedTable(PAIR, [Statistic("1A", count=2), Statistic("2A", {"sex": "F"}, minimum=1, maximum=1)]))
@example(PublishedTable(PAIR, [Statistic("1A", count=2)], structural_zeros=[{}]))
def test_both_encodings_list_what_trying_everything_lists(table):
    compare_with_the_oracle(table)


@pytest.mark.slow
@settings(**{**ONE, "max_examples": 1500}, suppress_health_check=QUIET)
@given(tables(n=(1, 4)))
def test_both_encodings_list_what_trying_everything_lists_many_times(table):
    compare_with_the_oracle(table)


@pytest.mark.parametrize("zeros", [(), ({},), ({"sex": "F"},)])
def test_a_table_of_nobody_has_one_database(zeros):
    women, men = Statistic("2A", {"sex": "F"}, suppressed=True), Statistic("2B", {"sex": "M"}, count=0)
    table = PublishedTable(PAIR, [Statistic("1A", count=0), women, men], structural_zeros=zeros)
    assert [d.rows for d in databases(table)] == [()]
    assert [d.rows for d in direct.databases(table, Deadline())] == [()]
    impossible = PublishedTable(PAIR, [Statistic("1A", count=0), Statistic("2A", {"sex": "F"}, minimum=1)])
    assert reconstruct(impossible).status == reconstruct(impossible, "direct").status == "contradictory"


@pytest.mark.parametrize("seed", range(3))
def test_a_random_block_of_ten_is_rebuilt_by_both_encodings(seed):
    truth, table = random_block(10, seed)
    for encoding in ("head-counts", "direct"):
        result = reconstruct(table, encoding)
        assert result.status == "consistent" and result.violations == () and result.seconds > 0
        assert rows_that_differ(table, result.database.frame, of="age") == []
    assert rows_that_differ(table, truth.frame, of="age") == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_a_random_block_of_fifty_is_rebuilt(seed):
    _, table = random_block(50, seed)
    result = reconstruct(table, timeout=120)
    assert result.status == "consistent"
    assert rows_that_differ(table, result.database.frame, of="age") == []


def test_many_people_of_few_kinds_are_no_work():
    schema = Schema(sex=["F", "M"], race=["B", "W", "O"])
    women, black = Statistic("2A", {"sex": "F"}, count=700), Statistic("2C", {"race": "B"}, count=1999)
    table = PublishedTable(schema, [Statistic("1A", count=2000), women, black])
    # The one who is not black is a woman or a man, and white or other.
    assert count_databases(table) == DatabaseCount(4, exact=True)
    result = reconstruct(table)
    assert sum(record[0] == "F" for record in result.database.rows) == 700


# Contradictions, limits, time --------------------------------------------------------------------


def contradictory():
    """Two women and two men among three people."""
    rows = [Statistic("1A", count=3), Statistic("2A", {"sex": "F"}, count=2), Statistic("2B", {"sex": "M"}, count=2)]
    return PublishedTable(PAIR, rows)


def everything_open(n=30):
    """A table with far more databases than anybody can list."""
    return PublishedTable(Schema(age=range(0, 126), sex=["F", "M"]), [Statistic("1A", count=n)])


@pytest.mark.parametrize("encoding", ["head-counts", "direct", "index-vectors"])
def test_a_contradictory_table_has_no_database(encoding):
    result = reconstruct(contradictory(), encoding)
    assert (result.database, result.status, result.violations) == (None, "contradictory", ())
    assert list(databases(contradictory())) == []
    assert count_databases(contradictory()) == DatabaseCount(0, exact=True)
    assert is_unique(contradictory()) is False


def test_a_count_stops_at_its_limit_and_says_so(acm):
    table = acm.without("3B")
    assert count_databases(table, limit=21) == DatabaseCount(21, exact=False)
    assert count_databases(table, limit=22) == DatabaseCount(22, exact=True)
    assert count_databases(table, limit=23) == DatabaseCount(22, exact=True)
    assert len(list(databases(table, limit=7))) == 7
    assert (str(DatabaseCount(22, True)), str(DatabaseCount(21, False))) == ("22", "at least 21")


def test_time_that_is_up_is_unknown_and_never_an_empty_answer():
    _, table = random_block(100, seed=0)
    result = reconstruct(table, timeout=0.05)
    assert (result.database, result.status) == (None, "unknown")
    assert result.seconds < 30
    with pytest.raises(SolverUndecided, match="undecided after"):
        is_unique(table, timeout=0.05)
    with pytest.raises(SolverUndecided):
        list(databases(table, timeout=0.05))
    assert count_databases(table, timeout=0.05) == DatabaseCount(0, exact=False)


@pytest.mark.parametrize("encoding", ["direct", "index-vectors"])
def test_time_is_up_for_the_slower_encodings_too(encoding):
    _, table = random_block(40, seed=0)
    assert reconstruct(table, encoding, timeout=0.05).status == "unknown"


def test_a_count_that_ran_out_of_time_is_a_lower_bound():
    count = count_databases(everything_open(), timeout=0.5)
    assert count.value > 0 and not count.exact
    with pytest.raises(SolverUndecided):
        for _ in databases(everything_open(), timeout=0.5):
            pass


def test_what_was_found_before_the_time_was_up_is_handed_out():
    found = databases(everything_open(), timeout=60)
    assert len({next(found) for _ in range(5)}) == 5


@pytest.mark.parametrize("timeout", [1e10, float("inf")])
def test_more_time_than_z3_can_be_told_is_no_limit(timeout):
    assert reconstruct(contradictory(), timeout=timeout).status == "contradictory"


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), "5"])
def test_a_timeout_is_above_zero(timeout):
    message = f"timeout is a number of seconds above 0, or None, not {timeout!r}"
    for function in (reconstruct, databases, count_databases, is_unique):
        with pytest.raises(ValueError) as error:
            function(contradictory(), timeout=timeout)
        assert str(error.value) == message


@pytest.mark.parametrize("limit", [0, -1, 2.0, True, "2"])
def test_a_limit_is_a_whole_number_from_one(limit):
    for function in (databases, count_databases):
        with pytest.raises(ValueError) as error:
            function(contradictory(), limit=limit)
        assert str(error.value) == f"limit is a whole number from 1, or None, not {limit!r}"


def test_an_unknown_encoding_is_refused():
    with pytest.raises(ValueError) as error:
        reconstruct(contradictory(), "headcounts")
    assert str(error.value) == "unknown encoding 'headcounts'; choose one of head-counts, direct, index-vectors"


def test_results_compare_without_their_seconds():
    assert Reconstruction(None, "unknown", 1.0) == Reconstruction(None, "unknown", 2.0)
    assert Reconstruction(None, "unknown", 1.0) != Reconstruction(None, "contradictory", 1.0)


def test_databases_come_lazily():
    assert inspect.isgenerator(direct.databases(contradictory(), Deadline()))
    assert next(databases(everything_open(), timeout=60)).schema == everything_open().schema
