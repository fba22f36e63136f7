"""Drawn data: the rule holds, fresh records share the prototypes, and seeds stay apart."""

import numpy as np
import pytest

from course_lib.datasets import purchase_like


def test_without_flips_every_record_is_its_class_prototype():
    X, y = purchase_like(300, n_features=30, n_classes=5, flip=0)
    prototypes = {k: {tuple(x) for x in X[y == k]} for k in range(5)}
    assert [len(found) for found in prototypes.values()] == [1] * 5
    assert len(set.union(*prototypes.values())) == 5


@pytest.mark.parametrize("flip", [0.1, 0.3, 0.5])
def test_each_bit_differs_from_the_prototype_with_the_chance_asked_for(flip):
    clean, labels = purchase_like(2000, n_classes=4, flip=0, seed=1)
    prototypes = np.stack([clean[labels == k][0] for k in range(4)])
    X, y = purchase_like(2000, n_classes=4, flip=flip, seed=2)
    flipped = prototypes[y] != X
    # 200,000 bits: a share is within 5 standard errors; so is each class's own
    assert flipped.mean() == pytest.approx(flip, abs=5 * np.sqrt(flip * (1 - flip) / flipped.size))
    by_class = [flipped[y == k].mean() for k in range(4)]
    assert by_class == pytest.approx([flip] * 4, abs=0.02)
    # neighbouring bits flip independently
    assert abs(np.corrcoef(flipped[:, 0::2].ravel(), flipped[:, 1::2].ravel())[0, 1]) < 0.02


def test_prototypes_are_fair_coins_and_classes_uniform():
    X, y = purchase_like(5000, n_features=200, n_classes=50, flip=0)
    prototypes = np.stack([X[y == k][0] for k in range(50)])
    assert prototypes.mean() == pytest.approx(0.5, abs=0.025)  # 10,000 bits, 5 standard errors
    counts = np.bincount(y, minlength=50)
    assert (abs(counts - 100) < 60).all()


def test_types_shapes_and_values():
    X, y = purchase_like(7, n_features=3, n_classes=2)
    assert (X.dtype, y.dtype) == (np.float32, np.int64)
    assert X.shape == (7, 3) and y.shape == (7,)
    assert set(np.unique(X)) <= {0, 1} and set(y.tolist()) <= {0, 1}


def test_the_same_seed_gives_the_same_records_and_another_seed_others():
    first, again = purchase_like(50, seed=3), purchase_like(50, seed=3)
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    assert (first[0] != purchase_like(50, seed=4)[0]).any()
    assert (first[0] != purchase_like(50, seed=3, prototype_seed=1)[0]).any()
    assert (first[1] == purchase_like(50, seed=3, prototype_seed=1)[1]).all()


def test_more_records_of_one_seed_are_not_needed_for_fresh_ones():
    state = np.random.get_state()[1].copy()
    X, _ = purchase_like(400, seed=0)
    fresh, _ = purchase_like(400, seed=1)
    assert len({x.tobytes() for x in X} & {x.tobytes() for x in fresh}) == 0
    assert (np.random.get_state()[1] == state).all()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"n": 0}, "n is a whole number from 1, not 0"),
        ({"n": 2.0}, "n is a whole number from 1, not 2.0"),
        ({"n": True}, "n is a whole number from 1, not True"),
        ({"n": 5, "n_features": 0}, "n_features is a whole number from 1, not 0"),
        ({"n": 5, "n_classes": 1}, "n_classes is a whole number from 2, not 1"),
        ({"n": 5, "flip": 0.6}, "flip is a chance from 0 to 0.5, not 0.6"),
        ({"n": 5, "flip": -0.1}, "flip is a chance from 0 to 0.5, not -0.1"),
        ({"n": 5, "flip": float("nan")}, "flip is a chance from 0 to 0.5, not nan"),
    ],
)
def test_what_is_refused(arguments, words):
    with pytest.raises(ValueError, match=words.replace(".", r"\.")):
        purchase_like(**arguments)
