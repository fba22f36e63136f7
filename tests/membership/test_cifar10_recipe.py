"""The whole recipe on a folder in CIFAR-10's own format, made here and much smaller."""

import json
import pickle

import numpy as np
import pytest

from course_lib import datasets
from course_lib.membership import ShadowBundle, resolve_settings, run_recipe
from course_lib.membership.__main__ import main
from course_lib.membership.recipe import prepare

N_TRAIN, N_TEST = 500, 100  # in place of 50,000 and 10,000


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """cifar-10-batches-py with 600 pictures of ten colours, and a torchvision that does not ask for checksums."""
    root = tmp_path_factory.mktemp("data")
    batches = root / "cifar-10-batches-py"
    batches.mkdir()
    generator = np.random.default_rng(0)
    for name, n in [*((f"data_batch_{i}", N_TRAIN // 5) for i in range(1, 6)), ("test_batch", N_TEST)]:
        labels = np.arange(n) % 10
        pictures = generator.integers(0, 120, (n, 3072)) + 12 * labels[:, None]
        with open(batches / name, "wb") as file:
            pickle.dump({"data": pictures.astype(np.uint8), "labels": labels.tolist()}, file)
    with open(batches / "batches.meta", "wb") as file:
        pickle.dump({"label_names": [f"colour {k}" for k in range(10)]}, file)
    with pytest.MonkeyPatch.context() as patch:
        module = datasets.torchvision().datasets
        patch.setattr(module.CIFAR10, "_check_integrity", lambda self: True)
        patch.setattr(module.cifar, "check_integrity", lambda *args: True)
        yield root


WORDS = [
    "shadow.n_models=2", "shadow.model.arch=simple_cnn", "shadow.model.widths=4,8", "shadow.optimizer.name=sgd",
    "shadow.optimizer.lr=0.001", "data.name=cifar10", "shadow.set_size=120", "shadow.epochs=1", "victim.epochs=1",
    "victim.model.widths=4,8", "victim.per_class=15", "attack.epochs=2",
]  # fmt: skip


def test_who_is_who(folder):
    prepared = prepare(resolve_settings([*WORDS, f"data.folder={folder}"]))
    split, test = prepared.split, np.arange(N_TRAIN, N_TRAIN + N_TEST)
    assert prepared.X.shape == (600, 3, 32, 32) and prepared.X.dtype == np.float32
    assert np.bincount(prepared.y[split.victim_in]).tolist() == [15] * 10
    assert split.victim_out.tolist() == test.tolist()
    assert len(split.shadow_in_pool) == len(split.shadow_out_pool) == (N_TRAIN - 150) / 2
    assert not np.isin(split.shadow_in_pool, test).any() and not np.isin(split.shadow_out_pool, test).any()
    assert (prepared.plan.membership.sum(axis=1) == 120).all() and (prepared.plan.used.sum(axis=1) == 240).all()


def test_the_recipe_runs_from_folder_to_report(folder, tmp_path):
    report = run_recipe(resolve_settings([*WORDS, f"data.folder={folder}", f"run.folder={tmp_path / 'run'}"]))
    found = json.loads((tmp_path / "run" / "report.json").read_text())
    assert [row["n_members"] for row in found["classes"] if row["attack"] == "shadow"] == [15] * 10
    assert [row["n_non_members"] for row in found["classes"] if row["attack"] == "shadow"] == [10] * 10
    assert ShadowBundle.load(report.folder / "shadows").logits.shape == (2, 600, 10)


def test_upper_case_pairs_and_a_subset_of_classes(folder, tmp_path, capsys):
    pairs = (
        "SHADOW.MODEL.ARCH simplecnn SHADOW.OPTIMIZER.NAME sgd SHADOW.OPTIMIZER.ALPHA 0.001 SHADOW.TRAIN.SET_SIZE 40 "
        "SHADOW.TRAIN.EPOCHS 1 VICTIM.TRAIN.EPOCHS 1 VICTIM.PER_CLASS 15 SHADOW.N_MODELS 2 DATA.CLASSES 0,3,8"
    )
    words = ["data.name=cifar10", f"data.folder={folder}", f"run.folder={tmp_path / 'run'}", *pairs.split()]
    assert main(["run", *words]) == 0
    assert "cifar10: 180 records in 3 classes; victim 45 in, 30 out; pools of 52 and 53" in capsys.readouterr().out


def test_a_set_size_above_the_pool_is_an_error(folder, tmp_path, capsys):
    words = [*(word for word in WORDS if "set_size" not in word), "shadow.set_size=176"]
    assert main(["run", *words, f"data.folder={folder}", f"run.folder={tmp_path / 'run'}"]) == 1
    assert "set_size 176 is above the 175 records" in capsys.readouterr().err


def test_data_that_are_not_there_are_not_fetched_unasked(tmp_path, capsys):
    assert main(["run", *WORDS, f"data.folder={tmp_path}", f"run.folder={tmp_path / 'run'}"]) == 1
    assert f"no CIFAR-10 in '{tmp_path}': fetch it with data.download=true" in capsys.readouterr().err
