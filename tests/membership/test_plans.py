"""Splits and plans: who trains on what, and what is refused."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.membership import ShadowPlan, Split, equal_rows, split_victim_shadow, warn_of_equal_rows

SETS = ("victim_in", "victim_out", "shadow_in_pool", "shadow_out_pool")


def sets_of(split):
    return [getattr(split, name) for name in SETS]


@given(
    n_classes=st.integers(1, 5),
    per_class=st.integers(4, 12),
    victim=st.integers(1, 2),
    out=st.integers(0, 1),
    n_test=st.integers(0, 3),
    seed=st.integers(0, 10),
)
@settings(max_examples=60, deadline=None)
def test_every_record_falls_into_exactly_one_set(n_classes, per_class, victim, out, n_test, seed):
    y = np.concatenate([np.random.default_rng(seed).permutation(np.repeat(np.arange(n_classes), per_class)), [0] * 3])
    test = range(len(y) - n_test, len(y))
    split = split_victim_shadow(y, victim, seed, out_per_class=out, test=test)
    assert sorted(np.concatenate(sets_of(split)).tolist()) == list(range(len(y)))
    assert np.bincount(y[split.victim_in]).tolist() == [victim] * n_classes
    drawn_out = np.setdiff1d(split.victim_out, test)
    assert np.bincount(y[drawn_out], minlength=n_classes).tolist() == [out] * n_classes
    assert set(test) <= set(split.victim_out.tolist())
    assert len(split.shadow_out_pool) - len(split.shadow_in_pool) in (0, 1)
    assert all((np.diff(indices) > 0).all() for indices in sets_of(split))


@pytest.mark.parametrize("n_test", [0, 10_000])
def test_the_sizes_of_the_cifar_10_recipe(n_test):
    generator = np.random.default_rng(0)
    y = np.concatenate([generator.permutation(np.repeat(np.arange(10), 5000)), np.repeat(np.arange(10), n_test // 10)])
    split = split_victim_shadow(y, 1500, seed=0, test=range(50_000, 50_000 + n_test))
    assert [len(indices) for indices in sets_of(split)] == [15_000, n_test, 17_500, 17_500]
    assert np.bincount(y[split.victim_in]).tolist() == [1500] * 10
    assert max(split.victim_in.max(), split.shadow_in_pool.max(), split.shadow_out_pool.max()) < 50_000
    assert (split.victim_out == np.arange(50_000, 50_000 + n_test)).all()


def test_pools_are_halved_at_random_not_by_class_or_order():
    y = np.repeat(np.arange(4), 500)
    pools = [split_victim_shadow(y, 10, seed).shadow_in_pool for seed in range(5)]
    assert len({pool.tobytes() for pool in pools}) == 5
    counts = np.array([np.bincount(y[pool], minlength=4) for pool in pools])
    assert (counts != 245).any() and (abs(counts - 245) < 60).all()


def test_the_same_seed_gives_the_same_split():
    y = np.arange(100) % 4
    first, again = split_victim_shadow(y, 5, seed=1), split_victim_shadow(torch.tensor(y), 5, seed=1)
    assert all((a == b).all() for a, b in zip(sets_of(first), sets_of(again), strict=True))
    assert (split_victim_shadow(y, 5, seed=2).victim_in != first.victim_in).any()


@pytest.mark.parametrize(
    ("y", "arguments", "words"),
    [
        ([0, 0.5, 1], {}, "labels are whole numbers 0..K-1, not 0.5; number your classes from 0"),
        ([0, float("nan")], {}, "labels are whole numbers 0..K-1, not nan"),
        (["a", "b"], {}, "labels are whole numbers 0..K-1"),
        ([-1, 0, 1], {}, "label -1 is below 0; number your classes from 0"),
        ([[0, 1]], {}, "labels are one number a record"),
        ([], {}, "labels are one number a record"),
        ([0, 0, 0, 2, 2], {}, "class 1 has 0 records, fewer than the 1 asked of each class"),
        ([0, 1, 0, 1], {"victim_per_class": 3}, "class 0 has 2 records, fewer than the 3 asked"),
        ([0, 1] * 3, {"victim_per_class": 2, "out_per_class": 2}, "class 0 has 3 records, fewer than the 4 asked"),
        ([0, 1] * 3, {"victim_per_class": 3}, "0 records are left for the shadows; give the victim fewer a class"),
        ([0, 1] * 3, {"victim_per_class": 0}, "victim_per_class is a whole number from 1, not 0"),
        ([0, 1] * 3, {"victim_per_class": 1.5}, "victim_per_class is a whole number from 1, not 1.5"),
        ([0, 1] * 3, {"out_per_class": -1}, "out_per_class is a whole number from 0, not -1"),
        ([0, 1] * 3, {"test": [6]}, "test names records 0..5, not 6"),
        ([0, 1] * 3, {"test": [-1]}, "test names records 0..5, not -1"),
    ],
)
def test_a_split_refuses(y, arguments, words):
    with pytest.raises(ValueError) as error:
        split_victim_shadow(y, **{"victim_per_class": 1, "seed": 0, **arguments})
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("sets", "words"),
    [
        (([0, 1], [2], [1, 3], [4]), "1 records stand in both victim_in and shadow_in_pool (the first is record 1)"),
        (([0, 1, 2], [], [3], [2, 1]), "2 records stand in both victim_in and shadow_out_pool (the first is record 1)"),
        (([0], [0], [1], [2]), "both victim_in and victim_out"),
        (([0], [1], [2, 3], [3]), "both shadow_in_pool and shadow_out_pool"),
        (([0, 0], [1], [2], [3]), "victim_in names a record twice"),
        (([-1], [1], [2], [3]), "victim_in holds the indices of records, whole numbers from 0"),
        (([0.5], [1], [2], [3]), "victim_in holds the indices"),
        (([True, False], [1], [2], [3]), "victim_in holds the indices"),
    ],
)
def test_overlap_by_index_is_an_error(sets, words):
    with pytest.raises(ValueError) as error:
        Split(*sets)
    assert words in str(error.value)


def test_equal_rows_are_counted_with_a_warning():
    X = np.array([[0, 1], [1, 1], [0, 1], [2, 2], [1, 1]], dtype=np.float32)
    split = Split([0, 1], [], [2, 3], [4])
    with pytest.warns(UserWarning, match="2 of the victim's 2 rows are equal to rows of the shadows' pools; drop"):
        assert warn_of_equal_rows(X, split) == 2
    labels = [0] * 6
    with pytest.warns(UserWarning, match="2 of the victim's 2 rows are equal"):
        split_victim_shadow(labels, 2, seed=0, X=np.ones((6, 3)))


def test_distinct_rows_raise_no_warning(recwarn):
    split_victim_shadow([0, 1] * 5, 2, seed=0, X=np.arange(10).reshape(10, 1))
    assert not recwarn.list


def test_equal_rows_agree_with_a_double_loop():
    generator = np.random.default_rng(0)
    for _ in range(20):
        first = generator.integers(0, 2, size=(12, 3)).astype(np.float32)
        second = generator.integers(0, 2, size=(4, 3))
        slow = sum(any((a == b).all() for b in second) for a in first)
        assert equal_rows(first, torch.tensor(second)) == slow
    assert equal_rows([[0.0]], [[-0.0]]) == 1
    with pytest.raises(ValueError, match="rows have one shape"):
        equal_rows([[0, 1]], [[0]])
    with pytest.raises(ValueError, match="X has 3 rows, the split names record 4"):
        warn_of_equal_rows(np.zeros((3, 1)), Split([0], [1], [2], [4]))


def test_shadows_of_disjoint_pools():
    split = split_victim_shadow(np.arange(200) % 4, 10, seed=0)
    plan = ShadowPlan.disjoint_pools(split, n_models=6, set_size=30, seed=1)
    assert plan.membership.shape == plan.used.shape == (6, 200)
    out = plan.used & ~plan.membership
    assert (plan.membership.sum(axis=1) == 30).all() and (out.sum(axis=1) == 30).all()
    assert np.isin(np.flatnonzero(plan.membership.any(axis=0)), split.shadow_in_pool).all()
    assert np.isin(np.flatnonzero(out.any(axis=0)), split.shadow_out_pool).all()
    assert len(np.unique(plan.membership, axis=0)) == 6
    again = ShadowPlan.disjoint_pools(split, n_models=6, set_size=30, seed=1)
    assert (again.membership == plan.membership).all() and (again.used == plan.used).all()
    longer = ShadowPlan.disjoint_pools(split, n_models=6, set_size=30, seed=1, n_records=210)
    assert longer.n_records == 210 and (longer.membership[:, :200] == plan.membership).all()


def test_a_set_size_above_the_pool_is_an_error():
    split = split_victim_shadow([0, 1] * 10, 3, seed=0)
    ShadowPlan.disjoint_pools(split, 1, set_size=7, seed=0)
    with pytest.raises(ValueError, match="set_size 8 is above the 7 records of shadow_in_pool; draw fewer"):
        ShadowPlan.disjoint_pools(split, 1, set_size=8, seed=0)
    uneven = Split([0], [1], [2, 3, 4], [5])
    with pytest.raises(ValueError, match="set_size 2 is above the 1 records of shadow_out_pool"):
        ShadowPlan.disjoint_pools(uneven, 1, set_size=2, seed=0)
    with pytest.raises(ValueError, match="n_records is a whole number from 6, not 5"):
        ShadowPlan.disjoint_pools(uneven, 1, set_size=1, seed=0, n_records=5)


@given(n_records=st.integers(2, 30), pairs=st.integers(1, 5), seed=st.integers(0, 20))
@settings(max_examples=40, deadline=None)
def test_half_sampling_comes_in_complementary_pairs(n_records, pairs, seed):
    plan = ShadowPlan.half_sampling(n_records, 2 * pairs, seed)
    assert (plan.membership[0::2] == ~plan.membership[1::2]).all()
    assert (plan.membership.sum(axis=0) == pairs).all()
    assert (plan.membership[0::2].sum(axis=1) == n_records // 2).all()
    assert plan.used.all()


@pytest.mark.parametrize(
    ("n_records", "n_models", "words"),
    [
        (10, 3, "n_models is even, since models come in pairs, not 3"),
        (10, 1, "n_models is a whole number from 2, not 1"),
        (1, 2, "n_records is a whole number from 2, not 1"),
    ],
)
def test_plans_in_pairs_refuse(n_records, n_models, words):
    for plan in (ShadowPlan.half_sampling, ShadowPlan.fair_coins):
        with pytest.raises(ValueError, match=words):
            plan(n_records, n_models, seed=0)


def test_fair_coins_are_independent_in_a_model_and_complementary_in_a_pair():
    """A fixed half has no spread in its size; coins have that of a binomial, and two records do not repel."""
    coins = ShadowPlan.fair_coins(100, 4000, seed=0).membership
    assert (coins[0::2] == ~coins[1::2]).all()
    first = coins[0::2]
    assert abs(first.mean() - 0.5) < 5 * 0.5 / first.size**0.5
    assert 25 * 0.8 < first.sum(axis=1).var() < 25 * 1.25  # 2000 draws: standard error 3 %
    together = first[:, 0::2] == first[:, 1::2]  # of pairs of a half, 49/99 agree in the mean
    assert abs(together.mean() - 0.5) < 5 * 0.5 / together.size**0.5
    halves = ShadowPlan.half_sampling(100, 40, seed=0).membership
    assert halves.sum(axis=1).var() == 0


def test_coins_that_leave_a_model_empty_are_an_error():
    with pytest.raises(ValueError, match="trains on no record; give it some"):
        ShadowPlan.fair_coins(2, 40, seed=0)


def test_the_victims_plan_is_one_row():
    split = split_victim_shadow([0, 1] * 10, 3, seed=0, out_per_class=2)
    plan = ShadowPlan.victim(split)
    assert np.flatnonzero(plan.membership[0]).tolist() == split.victim_in.tolist()
    assert np.flatnonzero(plan.used[0] & ~plan.membership[0]).tolist() == split.victim_out.tolist()


def test_a_subset_keeps_what_each_model_is_seeded_by():
    plan = ShadowPlan.half_sampling(8, 6, seed=0)
    some = plan.subset([4, 1])
    assert some.numbers.tolist() == [4, 1] and (some.membership == plan.membership[[4, 1]]).all()
    assert some.subset([0]).numbers.tolist() == [4]
    assert plan.subset(slice(2, 4)).numbers.tolist() == [2, 3]
    for wrong in ([6], [-1], [], [0.5]):
        with pytest.raises(ValueError, match="models are numbered 0..5|choose at least one model"):
            plan.subset(wrong)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (([[True, False], [False, False]],), "model 1 trains on no record; give it some"),
        (([[1, 0]],), "membership is bool of shape (n_models, n_records), not int64"),
        (([True],), "membership is bool of shape"),
        (([[True, False]], [[True]]), "used is bool of shape (1, 2), not bool of shape (1, 1)"),
        (([[True, False]], [[False, True]]), "used is true wherever membership is"),
        (([[True]], None, [0, 1]), "numbers are 1 whole numbers from 0, one a model"),
        (([[True]], None, [-1]), "numbers are 1 whole numbers from 0"),
    ],
)
def test_a_plan_refuses(arguments, words):
    with pytest.raises(ValueError) as error:
        ShadowPlan(*arguments)
    assert words in str(error.value)
