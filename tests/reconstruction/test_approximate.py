"""The closest database, against the losses of all databases; linear decoding, against all bits."""

from dataclasses import replace
from fractions import Fraction as F
from functools import cache
from itertools import product

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from reconstruction_oracle import agrees, broken_figures, every_multiset, measured, meets, tables

from course_lib.reconstruction import (
    Database,
    PublishedTable,
    Rounding,
    Schema,
    Statistic,
    closest_database,
    linear_reconstruction,
    record_match,
)

PAIR = Schema(age=range(0, 6), sex=["F", "M"])


# The closest database ----------------------------------------------------------------------------


@cache
def published_sums(rounding, mean, count):
    """The smallest and the largest sum of a group that may have this published mean."""
    possible = [total for total in range(-30, 60) if agrees(rounding, F(total, count), mean)]
    return possible[0], possible[-1]


def l1_loss(table, records):
    """The loss that the docstring of closest_database states, figure by figure."""
    columns, loss = list(table.schema.columns), F(0)
    for s in table.statistics:
        group = [r for r in records if meets(r, columns, s.where)]
        if s.suppressed:
            loss += max(0, len(group) - (table.suppression_threshold - 1))
        if s.count is not None and s.where:
            loss += abs(len(group) - s.count)
        if s.mean is s.median is s.minimum is s.maximum is None:
            continue
        values = [r[measured(table, s)] for r in group]
        if s.mean is not None:
            lowest, highest = published_sums(s.rounding or table.rounding, s.mean, s.count)
            loss += F(max(lowest - sum(values), sum(values) - highest, 0), s.count)
        if s.median is not None:
            half = (s.count + 1) // 2
            loss += max(0, half - sum(v <= s.median for v in values))
            loss += max(0, half - sum(v >= s.median for v in values))
        if s.minimum is not None:
            loss += sum(v < s.minimum for v in values) + (s.minimum not in values)
        if s.maximum is not None:
            loss += sum(v > s.maximum for v in values) + (s.maximum not in values)
    return loss


@settings(
    max_examples=60,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)
@given(tables(n=(1, 3)))
@example(PublishedTable(PAIR, [Statistic("1A", count=2, median=2.5)]))
@example(PublishedTable(PAIR, [Statistic("1A", count=2, median=2.5, mean=2)]))
@example(PublishedTable(PAIR, [Statistic("1A", count=2)]))
def test_no_database_is_closer(table):
    possible = [records for records in every_multiset(table) if "zero" not in broken_figures(table, records)]
    assume(possible)
    losses = {records: l1_loss(table, records) for records in possible}
    result = closest_database(table)
    assert losses[result.database.rows] == min(losses.values())
    broken = {name.rsplit(".", 1)[0] for name in broken_figures(table, result.database.rows)}
    assert set(result.violations) == broken
    fits = any(not broken_figures(table, records) for records in possible)
    assert result.status == ("consistent" if fits else "contradictory")
    assert fits == (not broken)


def test_a_true_table_gives_the_true_people(acm, acm_people):
    result = closest_database(acm, timeout=60)
    assert (result.status, result.database, result.violations) == ("consistent", acm_people, ())


def test_one_count_too_many_costs_one_record():
    truth = Database(PAIR, [(1, "F"), (2, "M"), (2, "M"), (4, "F")])
    noisy = {(1, "F"): 1, (2, "M"): 3, (4, "F"): 1}  # a third man, and so five people where four are published
    cells = [
        Statistic(f"{sex} of {age}", {"age": age, "sex": sex}, count=noisy.get((age, sex), 0))
        for age in range(6)
        for sex in "FM"
    ]
    result = closest_database(PublishedTable(PAIR, [Statistic("all", count=4), *cells]))
    assert result.status == "contradictory" and len(result.violations) == 1
    assert record_match(truth, result.database) >= 0.75


def test_a_sum_that_is_off_costs_less_than_two_counts():
    # The mean asks for a sum of 20 and the counts give 17: 3/4, while moving one person costs 2.
    ages = Schema(age=range(0, 10))
    counts = [Statistic(f"aged {age}", {"age": age}, count={5: 3, 2: 1}.get(age, 0)) for age in range(10)]
    result = closest_database(PublishedTable(ages, [Statistic("all", count=4, mean=5), *counts]))
    assert result.database.rows == ((2,), (5,), (5,), (5,))
    assert (result.status, result.violations) == ("contradictory", ("all",))


def test_a_misprint_is_named_among_the_rows_that_the_closest_breaks(acm):
    rows = [replace(s, mean=45) if s.name == "2B" else s for s in acm.statistics]
    result = closest_database(replace(acm, statistics=rows), timeout=120)
    assert result.status == "contradictory"
    assert 1 <= len(result.violations) <= 3 and set(result.violations) & {"1A", "2A", "2B"}


def test_when_nobody_is_possible_there_is_no_database():
    result = closest_database(PublishedTable(PAIR, [Statistic("1A", count=2)], structural_zeros=[{}]))
    assert (result.database, result.status) == (None, "contradictory")


def test_the_closest_table_of_nobody_is_empty():
    impossible = PublishedTable(PAIR, [Statistic("1A", count=0), Statistic("2A", {"sex": "F"}, minimum=1)])
    result = closest_database(impossible)
    assert (result.database.rows, result.status, result.violations) == ((), "contradictory", ("2A",))


def test_time_that_is_up_is_unknown(acm):
    rows = [replace(s, mean=45) if s.name == "2B" else s for s in acm.statistics]
    result = closest_database(replace(acm, statistics=rows), timeout=0.001)
    assert result.status == "unknown"
    assert result.database is None or result.violations


def test_what_it_cannot_search_is_refused():
    wide = Schema(a=range(0, 1000), b=range(0, 1000))
    with pytest.raises(ValueError) as error:
        closest_database(PublishedTable(wide, [Statistic("1A", count=2)]))
    assert str(error.value) == "the schema has 1,000,000 different records; up to 200,000 can be searched"
    with pytest.raises(ValueError) as error:
        closest_database(PublishedTable(PAIR, [Statistic("1A", count=2)]), loss="L2")
    assert str(error.value) == "unknown loss 'L2'; the one there is is \"L1\""
    with pytest.raises(ValueError, match="timeout is a number of seconds above 0"):
        closest_database(PublishedTable(PAIR, [Statistic("1A", count=2)]), timeout=0)


# Linear decoding ---------------------------------------------------------------------------------


def subsets(n_queries, n, seed):
    return np.random.default_rng(seed).integers(0, 2, size=(n_queries, n))


@pytest.mark.parametrize("seed", range(5))
def test_exact_answers_give_every_bit(seed):
    secret = np.random.default_rng(seed + 100).integers(0, 2, size=32)
    queries = subsets(128, 32, seed)
    found = linear_reconstruction(queries, queries @ secret)
    assert found.tolist() == secret.tolist() and found.dtype == np.int64 and found.shape == (32,)


@pytest.mark.parametrize("seed", range(10))
def test_small_errors_are_decoded_as_by_trying_all_bits(seed):
    generator = np.random.default_rng(seed)
    queries = np.array(list(product([0, 1], repeat=6)))
    secret = generator.integers(0, 2, size=6)
    answers = queries @ secret + generator.uniform(-0.9, 0.9, size=64)
    errors = {bits: np.abs(queries @ bits - answers).sum() for bits in product([0, 1], repeat=6)}
    assert linear_reconstruction(queries, answers).tolist() == list(min(errors, key=errors.get)) == secret.tolist()


def test_a_few_answers_that_are_wholly_wrong_do_no_harm():
    # The L1 error forgives outliers: one answer in ten is arbitrary, the others are exact.
    secret = np.random.default_rng(7).integers(0, 2, size=24)
    queries = subsets(160, 24, seed=8)
    answers = (queries @ secret).astype(float)
    answers[::10] = 24 - answers[::10]
    assert linear_reconstruction(queries, answers).tolist() == secret.tolist()


def test_large_noise_defends():
    shares = []
    for seed in range(5):
        generator = np.random.default_rng(seed)
        secret, queries = generator.integers(0, 2, size=64), subsets(256, 64, seed)
        answers = queries @ secret + generator.uniform(-1, 1, size=256) * 2 * np.sqrt(64)
        shares.append((linear_reconstruction(queries, answers) == secret).mean())
    assert 0.4 < np.mean(shares) < 0.8


def test_the_answers_may_be_lists_and_the_queries_booleans():
    assert linear_reconstruction([[True, False], [False, True]], [1, 0]).tolist() == [1, 0]


@pytest.mark.parametrize(
    ("queries", "answers", "message"),
    [
        ([[1, 0]], [1, 2], "queries of shape (1, 2) and answers of shape (2,): want (m, n) and (m,), m, n > 0"),
        ([1, 0], [1, 2], "queries of shape (2,) and answers of shape (2,): want (m, n) and (m,), m, n > 0"),
        ([], [], "queries of shape (0,) and answers of shape (0,): want (m, n) and (m,), m, n > 0"),
        ([[]], [1], "queries of shape (1, 0) and answers of shape (1,): want (m, n) and (m,), m, n > 0"),
        ([[1, 0.5]], [1], "queries hold 0 and 1 only: who is counted"),
        ([[1, 2]], [1], "queries hold 0 and 1 only: who is counted"),
        ([[1, 0]], [np.nan], "answers are finite numbers"),
        ([[1, 0]], [np.inf], "answers are finite numbers"),
    ],
)
def test_questions_that_make_no_sense_are_refused(queries, answers, message):
    with pytest.raises(ValueError) as error:
        linear_reconstruction(queries, answers)
    assert str(error.value) == message


def test_rounded_means_cost_nothing_within_their_interval():
    rows = [Statistic("1A", count=2, mean=2)]
    table = PublishedTable(PAIR, rows, Rounding("nearest", 2))
    result = closest_database(table)
    assert result.status == "consistent"
    assert 2 <= sum(age for age, _ in result.database.rows) < 6
