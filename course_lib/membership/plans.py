"""Who trains on what: the victim's records, the shadows' pools, and each shadow's draw from them."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from course_lib.membership.bundle import boolean_matrix, model_numbers
from course_lib.membership.labels import as_numpy, whole_labels, whole_number


@dataclass(frozen=True, eq=False)
class Split:
    """Four disjoint sets of records, as indices.

    ``victim_in`` trains the victim. ``victim_out`` is kept from everyone, to be the victim's non-members; it
    may be empty when they come from elsewhere. A shadow trains on records of ``shadow_in_pool`` and is tested
    on records of ``shadow_out_pool``.

    Parameters
    ----------
    victim_in, victim_out, shadow_in_pool, shadow_out_pool : (n,) whole numbers from 0.

    Raises
    ------
    ValueError
        if a record stands in two sets or twice in one.

    Examples
    --------
    >>> Split([0, 1], [2], [3, 4], [5]).n_records
    6
    """

    victim_in: np.ndarray
    victim_out: np.ndarray
    shadow_in_pool: np.ndarray
    shadow_out_pool: np.ndarray

    def __post_init__(self):
        for name in SETS:
            indices = as_numpy(getattr(self, name))
            indices = indices.astype(np.int64) if not indices.size else indices
            if indices.ndim != 1 or indices.dtype.kind not in "iu" or (indices < 0).any():
                raise ValueError(f"{name} holds the indices of records, whole numbers from 0")
            if len(np.unique(indices)) < len(indices):
                raise ValueError(f"{name} names a record twice; name each once")
            object.__setattr__(self, name, indices.astype(np.int64))
        for first, second in combinations(SETS, 2):
            both = np.intersect1d(getattr(self, first), getattr(self, second))
            if both.size:
                raise ValueError(
                    f"{both.size} records stand in both {first} and {second} (the first is record {both[0]}); "
                    "take each out of one of them"
                )

    @property
    def n_records(self) -> int:
        """One more than the largest index."""
        return 1 + max(int(getattr(self, name).max(initial=-1)) for name in SETS)


SETS = ("victim_in", "victim_out", "shadow_in_pool", "shadow_out_pool")


def split_victim_shadow(y, victim_per_class: int, seed: int, out_per_class: int = 0, test=(), X=None) -> Split:
    """Records for the victim and records for the shadows, disjoint, the victim's balanced by class.

    The victim trains on ``victim_per_class`` records of each class. ``out_per_class`` more of each class and
    the records named in ``test`` are its non-members. All other records are halved at random into the shadows'
    two pools; the out-pool gets the odd one. Each record falls into exactly one set.

    On CIFAR-10, ``y`` the labels of all 60,000 images: ``split_victim_shadow(y, 1500, seed,
    test=range(50_000, 60_000))`` gives the victim 15,000 of the 50,000 training images, keeps the 10,000 test
    images as its non-members and leaves each pool 17,500. With the 50,000 training labels alone the numbers
    are the same and ``victim_out`` is empty: the test set is then brought to the evaluation.

    Parameters
    ----------
    y : (n_records,) whole numbers 0..K-1.
    victim_per_class : at least 1.
    seed : of every draw.
    out_per_class : at least 0.
    test : indices of records that nobody trains on.
    X : (n_records, ...) the records, for a look at equal rows; None for no look.

    Returns
    -------
    Split, each set in rising order of index.

    Warns
    -----
    UserWarning
        if rows of the victim and of the shadows' pools are equal, with their number.

    Raises
    ------
    ValueError
        if labels are not whole, a class has too few records, fewer than 2 are left for the shadows, or
        ``test`` names no record.

    Source: the recipe of Shokri et al. 2017 as public implementations run it on CIFAR-10.

    Examples
    --------
    >>> split = split_victim_shadow([0, 1] * 10, victim_per_class=3, seed=0)
    >>> len(split.victim_in), len(split.victim_out), len(split.shadow_in_pool), len(split.shadow_out_pool)
    (6, 0, 7, 7)
    """
    labels = whole_labels(y)
    whole_number("victim_per_class", victim_per_class)
    whole_number("out_per_class", out_per_class, least=0)
    test = np.unique(as_numpy(list(test)).astype(np.int64)) if len(test) else np.empty(0, np.int64)
    if test.size and (test[0] < 0 or test[-1] >= len(labels)):
        raise ValueError(f"test names records 0..{len(labels) - 1}, not {test[0] if test[0] < 0 else test[-1]}")
    order = np.random.default_rng(seed).permutation(len(labels))
    order = order[~np.isin(order, test)]
    drawn = _per_class(order, labels, victim_per_class + out_per_class)
    victim_in, victim_out = drawn[:, :victim_per_class].ravel(), drawn[:, victim_per_class:].ravel()
    pool = order[~np.isin(order, drawn)]
    if len(pool) < 2:
        raise ValueError(f"{len(pool)} records are left for the shadows; give the victim fewer a class")
    half = len(pool) // 2
    sets = (victim_in, np.concatenate([victim_out, test]), pool[:half], pool[half:])
    split = Split(*(np.sort(s) for s in sets))
    if X is not None:
        warn_of_equal_rows(X, split)
    return split


def _per_class(order: np.ndarray, labels: np.ndarray, n: int) -> np.ndarray:
    """The first n records of each class in this order, (n_classes, n)."""
    rows = []
    for label in range(labels.max() + 1):
        of_class = order[labels[order] == label]
        if len(of_class) < n:
            raise ValueError(f"class {label} has {len(of_class)} records, fewer than the {n} asked of each class")
        rows.append(of_class[:n])
    return np.array(rows)


def equal_rows(first, second) -> int:
    """How many rows of the first array are equal to some row of the second.

    Parameters
    ----------
    first, second : (n, ...) and (m, ...) arrays or tensors, rows of one shape.

    Returns
    -------
    int from 0 to n.

    Raises
    ------
    ValueError
        if the rows differ in shape.

    Examples
    --------
    >>> equal_rows([[0, 1], [1, 1], [0, 1]], [[0, 1], [0, 0]])
    2
    """
    first, second = as_numpy(first), as_numpy(second)
    if first.shape[1:] != second.shape[1:]:
        raise ValueError(f"rows have one shape, not {first.shape[1:]} and {second.shape[1:]}")
    kind = np.result_type(first, second)
    known = {_row_bytes(row, kind) for row in second}
    return sum(_row_bytes(row, kind) in known for row in first)


def _row_bytes(row: np.ndarray, kind: np.dtype) -> bytes:
    return (row.astype(kind) + kind.type(0)).tobytes()  # adding 0 makes -0.0 the 0.0 it is equal to


def warn_of_equal_rows(X, split: Split) -> int:
    """Warn where the victim and the shadows hold equal rows under different indices, and say how many.

    A record that is in both is a member to both: the attack then looks better than it is.

    Parameters
    ----------
    X : (n_records, ...) the records.
    split : of these records, into the victim's and the shadows'.

    Returns
    -------
    int, how many of the victim's rows are equal to one in the shadows' pools.

    Raises
    ------
    ValueError
        if the split names a record that X does not hold.

    Examples
    --------
    >>> warn_of_equal_rows([[0], [1], [2], [3]], Split([0], [1], [2], [3]))
    0
    """
    records = as_numpy(X)
    if len(records) < split.n_records:
        raise ValueError(f"X has {len(records)} rows, the split names record {split.n_records - 1}")
    victim = np.concatenate([split.victim_in, split.victim_out])
    shadow = np.concatenate([split.shadow_in_pool, split.shadow_out_pool])
    n = equal_rows(records[victim], records[shadow])
    if n:
        warnings.warn(
            f"{n} of the victim's {len(victim)} rows are equal to rows of the shadows' pools; drop the copies, "
            "or the attack looks better than it is",
            stacklevel=3,
        )
    return n


def _pairs(n_records: int, n_models: int) -> tuple[int, int]:
    """(number of pairs, number of records), checked."""
    whole_number("n_records", n_records, least=2)
    if whole_number("n_models", n_models, least=2) % 2:
        raise ValueError(f"n_models is even, since models come in pairs, not {n_models}")
    return n_models // 2, n_records


@dataclass(frozen=True, eq=False)
class ShadowPlan:
    """Which model trains on which record.

    Parameters
    ----------
    membership : (n_models, n_records) bool, the record trains the model.
    used : (n_models, n_records) bool, the record is in the model's training or test set; None for everywhere.
    numbers : (n_models,) what each model is seeded by, beside the run's seed; None for 0..n_models-1.

    Raises
    ------
    ValueError
        if shapes do not fit, a model trains on nothing, or on a record it does not use.

    Examples
    --------
    >>> plan = ShadowPlan.half_sampling(n_records=4, n_models=2, seed=0)
    >>> (plan.membership[0] != plan.membership[1]).all().item()
    True
    """

    membership: np.ndarray
    used: np.ndarray | None = None
    numbers: np.ndarray | None = None

    def __post_init__(self):
        membership = boolean_matrix("membership", self.membership)
        used = boolean_matrix("used", np.ones_like(membership) if self.used is None else self.used, membership.shape)
        numbers = np.arange(len(membership)) if self.numbers is None else as_numpy(self.numbers)
        if numbers.shape != (len(membership),) or numbers.dtype.kind not in "iu" or (numbers < 0).any():
            raise ValueError(f"numbers are {len(membership)} whole numbers from 0, one a model")
        if not membership.any(axis=1).all():
            raise ValueError(f"model {int(np.argmin(membership.any(axis=1)))} trains on no record; give it some")
        if (membership & ~used).any():
            raise ValueError("used is true wherever membership is: a record trained on is used")
        for name, value in (("membership", membership), ("used", used), ("numbers", numbers)):
            object.__setattr__(self, name, value)

    @property
    def n_models(self) -> int:
        """How many models the plan trains."""
        return self.membership.shape[0]

    @property
    def n_records(self) -> int:
        """How many records the plan is over."""
        return self.membership.shape[1]

    def subset(self, model_indices) -> ShadowPlan:
        """Some of the models, each of which trains as it does in the whole plan.

        Parameters
        ----------
        model_indices : whole numbers 0..n_models-1, a slice, or (n_models,) bool.

        Raises
        ------
        ValueError
            for no model, or one that is not there.

        Examples
        --------
        >>> ShadowPlan.half_sampling(n_records=4, n_models=4, seed=0).subset([3]).numbers.tolist()
        [3]
        """
        chosen = model_numbers(model_indices, self.n_models)
        return ShadowPlan(self.membership[chosen], self.used[chosen], self.numbers[chosen])

    @classmethod
    def disjoint_pools(
        cls, split: Split, n_models: int, set_size: int, seed: int, n_records: int | None = None
    ) -> ShadowPlan:
        """Each shadow draws ``set_size`` records to train on from the in-pool, and as many for its test set.

        The test set comes from the out-pool, so a record is in for every shadow that uses it or out for all
        (Shokri et al. 2017, Section V). Draws of different shadows may overlap.

        Parameters
        ----------
        split : whose pools the shadows draw from.
        n_models, set_size : at least 1.
        seed : of every draw.
        n_records : of the data; None for one more than the split's largest index.

        Raises
        ------
        ValueError
            if ``set_size`` is above the size of a pool, or ``n_records`` is not above the split's largest index.

        Examples
        --------
        >>> split = split_victim_shadow([0, 1] * 10, victim_per_class=3, seed=0)
        >>> plan = ShadowPlan.disjoint_pools(split, n_models=5, set_size=4, seed=0)
        >>> plan.membership.sum(axis=1).tolist(), plan.used.sum(axis=1).tolist()
        ([4, 4, 4, 4, 4], [8, 8, 8, 8, 8])
        """
        whole_number("n_models", n_models)
        whole_number("set_size", set_size)
        n_records = whole_number("n_records", n_records or split.n_records, least=split.n_records)
        for name in ("shadow_in_pool", "shadow_out_pool"):
            pool = getattr(split, name)
            if set_size > len(pool):
                raise ValueError(f"set_size {set_size} is above the {len(pool)} records of {name}; draw fewer")
        generator = np.random.default_rng(seed)
        membership = np.zeros((n_models, n_records), dtype=bool)
        used = np.zeros_like(membership)
        for model in range(n_models):
            membership[model, generator.choice(split.shadow_in_pool, set_size, replace=False)] = True
            used[model, generator.choice(split.shadow_out_pool, set_size, replace=False)] = True
        return cls(membership, used | membership)

    @classmethod
    def half_sampling(cls, n_records: int, n_models: int, seed: int) -> ShadowPlan:
        """Models in complementary pairs: one of each pair trains on a random half, the other on the rest.

        So each record is in for exactly half of the models and out for the others (Carlini et al. 2022,
        Section V). With an odd number of records the second of a pair trains on one more.

        Parameters
        ----------
        n_records : at least 2.
        n_models : even, at least 2.
        seed : of every draw.

        Raises
        ------
        ValueError
            if ``n_models`` is odd or there are fewer than 2 records.

        Examples
        --------
        >>> ShadowPlan.half_sampling(n_records=6, n_models=4, seed=0).membership.sum(axis=0).tolist()
        [2, 2, 2, 2, 2, 2]
        """
        _pairs(n_records, n_models)
        generator = np.random.default_rng(seed)
        membership = np.zeros((n_models, n_records), dtype=bool)
        for first in range(0, n_models, 2):
            half = generator.permutation(n_records)[: n_records // 2]
            membership[first, half] = True
            membership[first + 1] = ~membership[first]
        return cls(membership)

    @classmethod
    def fair_coins(cls, n_records: int, n_models: int, seed: int) -> ShadowPlan:
        """Each record is in by a fair coin of its own; models in complementary pairs.

        So each record is in for exactly half of the models, and for any one model the coins are independent: a
        record comes and goes alone, as in the definition of differential privacy and in an audit from one run
        (Steinke et al. 2023). In ``half_sampling`` another one goes where a record comes. Training sets differ in
        size here, so ``train_shadows`` cannot stack all models; ``train_dp`` can.

        Parameters
        ----------
        n_records : at least 2.
        n_models : even, at least 2.
        seed : of every draw.

        Raises
        ------
        ValueError
            as in ``half_sampling``, or if a model gets no record, which happens when there are few.

        Examples
        --------
        >>> plan = ShadowPlan.fair_coins(n_records=6, n_models=4, seed=0)
        >>> plan.membership.sum(axis=0).tolist(), plan.membership.sum(axis=1).tolist()
        ([2, 2, 2, 2, 2, 2], [3, 3, 1, 5])
        """
        coins = np.random.default_rng(seed).random(_pairs(n_records, n_models)) < 0.5
        return cls(np.stack([coins, ~coins], axis=1).reshape(n_models, n_records))

    @classmethod
    def victim(cls, split: Split, n_records: int | None = None) -> ShadowPlan:
        """One model, trained on the victim's records and tested on its non-members.

        Parameters
        ----------
        split : whose ``victim_in`` trains the model.
        n_records : of the data; None for one more than the split's largest index.

        Raises
        ------
        ValueError
            if ``n_records`` is not above the split's largest index.

        Examples
        --------
        >>> ShadowPlan.victim(Split([0, 1], [2], [3, 4], [5])).membership.astype(int).tolist()
        [[1, 1, 0, 0, 0, 0]]
        """
        n_records = whole_number("n_records", n_records or split.n_records, least=split.n_records)
        membership = np.zeros((1, n_records), dtype=bool)
        membership[0, split.victim_in] = True
        used = membership.copy()
        used[0, split.victim_out] = True
        return cls(membership, used)
