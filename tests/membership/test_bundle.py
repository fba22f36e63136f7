"""Bundles: what they refuse, what they keep on disk, how they are cut and joined."""

import json

import numpy as np
import pytest
import torch

from course_lib.membership import ShadowBundle

NAMES = ("logits", "membership", "used", "losses")


def random_bundle(n_models=4, n_records=6, n_classes=3, seed=0, dtype=np.float32):
    generator = np.random.default_rng(seed)
    membership = generator.random((n_models, n_records)) < 0.5
    used = membership | (generator.random((n_models, n_records)) < 0.5)
    logits = generator.normal(size=(n_models, n_records, n_classes)).astype(dtype)
    return ShadowBundle(logits, membership, used, generator.random((n_models, 2)), {"seed": seed, "engine": "loop"})


def same(first, second):
    pairs = [(getattr(first, name), getattr(second, name)) for name in NAMES]
    return all(a.dtype == b.dtype and a.shape == b.shape and (a == b).all() for a, b in pairs)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_saved_bundle_is_read_back_bit_by_bit(tmp_path, dtype):
    bundle = random_bundle(dtype=dtype)
    bundle.save(tmp_path / "deep" / "run")
    read = ShadowBundle.load(tmp_path / "deep" / "run")
    assert same(bundle, read) and read.details == bundle.details
    assert sorted(p.name for p in (tmp_path / "deep" / "run").iterdir()) == ["shadows.json", "shadows.npz"]
    said = json.loads((tmp_path / "deep" / "run" / "shadows.json").read_text())
    assert (said["n_models"], said["n_records"], said["n_classes"]) == (4, 6, 3)


def test_two_runs_are_never_mixed(tmp_path):
    random_bundle(seed=0).save(tmp_path)
    with pytest.raises(ValueError, match="holds a bundle already; choose another folder, or pass overwrite=True"):
        random_bundle(seed=1).save(tmp_path)
    assert same(ShadowBundle.load(tmp_path), random_bundle(seed=0))
    random_bundle(seed=1).save(tmp_path, overwrite=True)
    assert same(ShadowBundle.load(tmp_path), random_bundle(seed=1))


def test_details_that_json_cannot_hold_leave_no_file(tmp_path):
    bundle = ShadowBundle(np.zeros((1, 1, 2)), [[True]], details={"model": object()})
    with pytest.raises(TypeError):
        bundle.save(tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_missing_or_foreign_file_is_named(tmp_path):
    with pytest.raises(ValueError, match="holds no shadows.npz and no shadows.json; save a bundle there first"):
        ShadowBundle.load(tmp_path)
    random_bundle().save(tmp_path)
    (tmp_path / "shadows.json").write_text(json.dumps({"n_models": 9, "n_records": 6, "n_classes": 3, "details": {}}))
    with pytest.raises(ValueError, match=r"shadows.json tells of \(9, 6, 3\), shadows.npz holds \(4, 6, 3\)"):
        ShadowBundle.load(tmp_path)
    (tmp_path / "shadows.npz").unlink()
    with pytest.raises(ValueError, match="holds no shadows.npz; save"):
        ShadowBundle.load(tmp_path)


def test_nothing_is_unpickled(tmp_path):
    random_bundle().save(tmp_path)
    objects = {name: np.array([[{"a": 1}]], dtype=object) for name in NAMES}
    np.savez(tmp_path / "shadows.npz", **objects)
    with pytest.raises(ValueError, match="allow_pickle"):
        ShadowBundle.load(tmp_path)


@pytest.mark.parametrize(
    ("indices", "expected"),
    [([2, 0], [2, 0]), (slice(1, 3), [1, 2]), ([True, False, False, True], [0, 3]), (torch.tensor([3]), [3]), (1, [1])],
)
def test_a_subset_keeps_the_order_asked_for(indices, expected):
    bundle = random_bundle()
    some = bundle.subset(indices)
    assert all((getattr(some, name) == getattr(bundle, name)[expected]).all() for name in NAMES)
    assert some.details == bundle.details and some.n_models == len(expected)


@pytest.mark.parametrize("wrong", [[4], [-1], [0.5], [True, False]])
def test_a_subset_of_unknown_models_is_refused(wrong):
    with pytest.raises(ValueError, match="models are numbered 0..3"):
        random_bundle().subset(wrong)
    with pytest.raises(ValueError, match="choose at least one model"):
        random_bundle().subset([])


def test_bundles_are_joined_model_after_model():
    bundle = random_bundle(n_models=5)
    joined = ShadowBundle.join([bundle.subset([0, 1]), bundle.subset([2]), bundle.subset([3, 4])])
    assert same(joined, bundle)
    with pytest.raises(
        ValueError, match=r"bundles differ in \(records, classes, epochs\): \[\(6, 3, 2\), \(7, 3, 2\)\]"
    ):
        ShadowBundle.join([bundle, random_bundle(n_records=7)])
    with pytest.raises(ValueError, match="give at least one bundle"):
        ShadowBundle.join([])


def test_tensors_become_arrays_and_what_is_left_out_is_filled_in():
    bundle = ShadowBundle(torch.zeros(2, 3, 4, requires_grad=True), torch.ones(2, 3, dtype=torch.bool))
    assert isinstance(bundle.logits, np.ndarray) and bundle.used.all() and bundle.losses.shape == (2, 0)
    assert ShadowBundle(torch.zeros(1, 1, 2, dtype=torch.bfloat16), [[True]]).logits.dtype == np.float32


IN = np.ones((2, 3), dtype=bool)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((np.zeros((2, 3)), IN), "logits are floating, (n_models, n_records, n_classes), not float64 of shape (2, 3)"),
        ((np.zeros((2, 3, 4), dtype=int), IN), "logits are floating"),
        ((np.zeros((2, 0, 4)), IN), "logits are floating"),
        ((np.array([np.zeros((3, 4)), np.full((3, 4), np.nan)]), IN), "model 1 gives logits that are NaN or infinite"),
        ((np.full((2, 3, 4), np.inf), IN), "model 0 gives logits that are NaN or infinite; train it again"),
        ((np.zeros((2, 3, 4)), IN.T), "membership is bool of shape (2, 3), not bool of shape (3, 2)"),
        ((np.zeros((2, 3, 4)), IN.astype(int)), "membership is bool of shape (2, 3), not int64"),
        ((np.zeros((2, 3, 4)), IN, IN[:1]), "used is bool of shape (2, 3)"),
        ((np.zeros((2, 3, 4)), IN, ~IN), "used is true wherever membership is"),
        ((np.zeros((2, 3, 4)), IN, IN, np.zeros((3, 1))), "losses are (n_models, n_epochs) with 2 models, not (3, 1)"),
    ],
)
def test_what_a_bundle_refuses(arguments, words):
    with pytest.raises(ValueError) as error:
        ShadowBundle(*arguments)
    assert words in str(error.value)
