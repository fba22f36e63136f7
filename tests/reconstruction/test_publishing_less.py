"""What chapter 3 claims, on seeds that the page does not use."""

from fractions import Fraction
from itertools import combinations, product

import numpy as np
import pytest

from course_lib.reconstruction import (
    Database,
    PublishedTable,
    Rounding,
    Schema,
    Statistic,
    certain_records,
    closest_database,
    count_databases,
    databases,
    geometric_noise,
    linear_reconstruction,
    reconstruct,
    record_match,
    swap_records,
    tabulate,
)


@pytest.fixture
def published(acm, acm_people):
    """The agency's side: the article's fourteen rows under a rounding or a threshold."""
    layout = [(line.name, line.where) for line in acm.statistics]

    def publish(**defence):
        return tabulate(acm_people, layout, structural_zeros=acm.structural_zeros, **defence)

    return publish


@pytest.mark.parametrize(
    ("unit", "fits", "certain"),
    [(Fraction(1, 10), 1, 7), (Fraction(1, 2), 2, 6), (1, 20, 4), (2, 97, 2)],
)
def test_databases_left_by_rounding(published, acm_people, unit, fits, certain):
    table = published(rounding=Rounding("nearest", unit))
    found = list(databases(table))
    assert len(found) == len(set(database.rows for database in found)) == fits
    assert acm_people in found
    assert len(certain_records(table)) == certain


@pytest.mark.parametrize(("unit", "certain"), [(5, 2), (10, 1)])
def test_coarse_rounding_leaves_somebody_certain(published, unit, certain):
    table = published(rounding=Rounding("nearest", unit))
    assert str(count_databases(table, limit=500)) == "at least 500"
    assert len(certain_records(table)) == certain


@pytest.mark.slow
@pytest.mark.parametrize(("unit", "fits"), [(5, 1967), (10, 10352)])
def test_databases_left_by_coarse_rounding(published, unit, fits):
    assert str(count_databases(published(rounding=Rounding("nearest", unit)))) == str(fits)


@pytest.mark.parametrize(("threshold", "fits"), [(1, "1"), (2, "1"), (3, "1"), (4, "8"), (5, "at least 500")])
def test_databases_left_by_a_threshold(published, threshold, fits):
    assert str(count_databases(published(suppression_threshold=threshold), limit=500)) == fits


def test_the_swapped_block_is_what_is_rebuilt(acm, acm_people):
    layout = [(line.name, line.where) for line in acm.statistics]
    alone, true_records = 0, 0
    for seed in range(100, 110):
        swapped = swap_records(acm_people, share=1, columns=["age"], seed=seed)
        found = list(databases(tabulate(swapped, layout), limit=20))
        assert swapped in found
        alone += len(found) == 1
        true_records += 7 * record_match(acm_people, swapped)
    assert alone >= 5
    assert true_records < 20


@pytest.fixture
def noisy(acm_people):
    """The agency's side of the sweep: the block in bands of five years, and its noisy table."""
    bands = [f"{age}–{age + 4}" for age in range(0, 125, 5)]
    schema = Schema(age=bands, sex=["F", "M"], race=["B", "W"], marital=["M", "S"])
    block = Database(schema, [(bands[row[0] // 5], *row[1:]) for row in acm_people.rows])
    tables = [["age", *c] for size in (1, 2) for c in combinations(["sex", "race", "marital"], size)]
    cells = [dict(zip(t, v, strict=True)) for t in tables for v in product(*(schema.columns[c] for c in t))]
    people = [dict(zip(schema.columns, row, strict=True)) for row in block.rows]
    counts = [sum(cell.items() <= person.items() for person in people) for cell in cells]

    def publish(epsilon, seed):
        drawn = geometric_noise(counts, epsilon, sensitivity=6, seed=seed).clip(0, 7)
        lines = [Statistic(f"{i}", cell, count=int(c)) for i, (cell, c) in enumerate(zip(cells, drawn, strict=True))]
        return PublishedTable(schema, [Statistic("all", count=7), *lines])

    return block, publish


def test_no_table_fits_at_16_and_the_people_are_back(noisy):
    block, publish = noisy
    shares = []
    for seed in range(500, 506):
        table = publish(16, seed)
        closest = closest_database(table)
        assert closest.status == "contradictory"
        shares.append(record_match(block, closest.database))
    assert reconstruct(table).status == "contradictory"
    assert np.mean(shares) > 0.9


def test_the_attack_fails_at_epsilon_one(noisy):
    block, publish = noisy
    shares = [record_match(block, closest_database(publish(1, seed)).database) for seed in range(500, 510)]
    assert np.mean(shares) < 0.2


@pytest.mark.slow
@pytest.mark.parametrize("first", [1000, 2000, 3000, 4000, 5000])
def test_the_sweep_on_other_draws(noisy, first):
    block, publish = noisy
    bands = {1: (0, 0.15), 2: (0, 0.25), 4: (0.1, 0.45), 8: (0.6, 0.85), 16: (0.95, 1), 32: (0.98, 1)}
    for epsilon, (low, high) in bands.items():
        found = [closest_database(publish(epsilon, first + draw)).database for draw in range(20)]
        assert low <= np.mean([record_match(block, database) for database in found]) <= high, epsilon


def decoded(n_queries, error, seed, n=128):
    """The share of n bits that linear decoding finds."""
    generator = np.random.default_rng(seed)
    bits = generator.integers(0, 2, n)
    queries = generator.integers(0, 2, (n_queries, n))
    answers = queries @ bits + generator.uniform(-error, error, n_queries)
    return np.mean(linear_reconstruction(queries, answers) == bits)


@pytest.mark.parametrize("first", [100, 200])
def test_bits_decoded(first):
    def share(n_queries, roots):
        return np.mean([decoded(n_queries, roots * np.sqrt(128), first + i) for i in range(5)])

    assert share(256, 0) == 1
    assert 0.85 < share(256, 0.25) < 0.97
    assert share(256, 2) < 0.65
    assert share(128, 0.5) < 0.8


@pytest.mark.parametrize("seed", range(5))
def test_noise_is_zero_as_often_as_it_should_be(seed):
    drawn = geometric_noise(np.zeros(100_000), epsilon=np.log(3), sensitivity=1, seed=seed)
    assert abs((drawn == 0).mean() - 1 / 2) < 0.01
    assert abs((abs(drawn) <= 1).mean() - 5 / 6) < 0.01
    assert abs(drawn.mean()) < 0.02
