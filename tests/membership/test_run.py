"""The whole recipe: what a run leaves, how it goes on, what it never mixes."""

import csv
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from course_lib.membership import LiRA, ShadowAttack, ShadowBundle, auc, resolve_settings, run_recipe
from course_lib.membership import run as run_module
from course_lib.membership.__main__ import lines_of, main
from course_lib.membership.recipe import prepare, seeds_of
from course_lib.membership.run import make_attack, measures
from course_lib.membership.runfolder import default_folder
from course_lib.membership.settings import ATTACKS

SMALL = [
    "data.n=400", "data.n_classes=4", "victim.per_class=20", "shadow.set_size=60", "shadow.n_models=4",
    "shadow.epochs=3", "victim.epochs=3", "attack.epochs=2", "shadow.engine=loop",
]  # fmt: skip
FILES = {
    "settings.json", "sets.npz", "victim", "shadows", "epochs.csv", "report.json", "report.csv", "classes.csv",
    "scores.npz", "roc.png",
}  # fmt: skip


def small(*words):
    """The small run's words, some of them replaced."""
    replaced = {word.partition("=")[0] for word in words}
    return [*(word for word in SMALL if word.partition("=")[0] not in replaced), *words]


def run(folder, *words, say=lambda line: None):
    return run_recipe(resolve_settings(small(f"run.folder={folder}", *words)), say)


def contents(folder):
    """All that a run found, for comparison to the last bit."""
    with np.load(folder / "scores.npz") as scores:
        found = {name: scores[name].tobytes() for name in scores.files}
    for name in ("victim", "shadows"):
        found[name] = ShadowBundle.load(folder / name).logits.tobytes()
    return found | {name: (folder / name).read_text() for name in ("report.json", "epochs.csv", "classes.csv")}


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "done"
    run(folder)
    return folder


def test_a_run_leaves_settings_seeds_log_report_and_arrays(done):
    assert {path.name for path in done.iterdir()} == FILES
    told = json.loads((done / "settings.json").read_text())
    assert told["settings"]["shadow.n_models"] == 4 and told["settings"]["data.flip"] == 0.3
    assert told["seeds"] == seeds_of(0) and len(set(told["seeds"].values())) == 6
    log = list(csv.DictReader((done / "epochs.csv").open()))
    assert [(row["phase"], row["model"], row["epoch"]) for row in log] == [
        *(("victim", "0", str(e)) for e in (1, 2, 3)),
        *(("shadow", str(m), str(e)) for m in range(4) for e in (1, 2, 3)),
    ]
    assert all(float(row["loss"]) > 0 for row in log)


def test_the_curves_are_drawn(done, tmp_path):
    from matplotlib.image import imread

    picture = imread(done / "roc.png")
    assert picture.ndim == 3 and picture[..., :3].std() > 0.05
    run(tmp_path / "all", f"victim.reuse={done}", f"shadow.reuse={done}", "attack.names=" + ",".join(ATTACKS))
    assert (tmp_path / "all" / "roc.png").stat().st_size > 10_000


def test_the_report_is_what_the_saved_arrays_say(done):
    report = json.loads((done / "report.json").read_text())
    with np.load(done / "scores.npz") as arrays:
        member, label, records = arrays["member"], arrays["label"], arrays["records"]
        scores = {row["attack"]: arrays[row["attack"]] for row in report["attacks"]}
    with np.load(done / "sets.npz") as sets:
        assert records.tolist() == [*sets["victim_in"], *sets["victim_out"]]
    assert list(scores) == ["shadow", "gap", "loss", "lira", "rmia"]
    for row in report["attacks"]:
        assert row["auc"] == auc(scores[row["attack"]][member], scores[row["attack"]][~member])
    in_class = label == 2
    per_class = [row for row in report["classes"] if row["attack"] == "loss" and row["label"] == 2]
    assert per_class[0]["n_members"] == 20
    assert per_class[0]["auc"] == auc(scores["loss"][member & in_class], scores["loss"][~member & in_class])
    rows = list(csv.DictReader((done / "classes.csv").open()))
    assert len(rows) == 5 * 4 and {row["label"] for row in rows} == set("0123")
    assert len(list(csv.DictReader((done / "report.csv").open()))) == 5
    victim = ShadowBundle.load(done / "victim")
    lira = LiRA("offline").fit(ShadowBundle.load(done / "shadows"), data(done)[1], records=records)
    np.testing.assert_array_equal(lira.score(victim.logits[0][records], label, records=records), scores["lira"])


def data(folder):
    prepared = prepare(resolve_settings([*SMALL, f"run.folder={folder}"]))
    return prepared.X, prepared.y


def test_sets_are_disjoint_and_the_victim_s_are_balanced(done):
    _, y = data(done)
    with np.load(done / "sets.npz") as sets:
        parts = [sets[name] for name in ("victim_in", "victim_out", "shadow_in_pool", "shadow_out_pool")]
        membership, used = sets["membership"], sets["used"]
    assert sorted(np.concatenate(parts)) == list(range(400))
    assert np.bincount(y[parts[0]]).tolist() == [20] * 4
    assert (membership.sum(axis=1) == 60).all() and (used.sum(axis=1) == 120).all()
    assert not used[:, np.concatenate(parts[:2])].any()


def test_the_same_settings_give_the_same_run_and_another_seed_another(done, tmp_path):
    run(tmp_path / "again")
    assert contents(tmp_path / "again") == contents(done)
    run(tmp_path / "other", "run.seed=1")
    assert contents(tmp_path / "other")["victim"] != contents(done)["victim"]


def no_training(*args, **kwargs):
    raise AssertionError("nothing is to be trained")


def test_a_finished_run_trains_nothing_again(done, monkeypatch):
    before = contents(done)
    monkeypatch.setattr(run_module, "train_shadows", no_training)
    said = []
    run(done, say=said.append)
    assert "victim: finished before" in said and "shadows: all 4 finished before" in said
    assert contents(done) == before


LONG = small("shadow.n_models=8", "shadow.epochs=60")
# What a killed run leaves half-written has a test of its own, without a process.
INTERRUPTIONS = [(signal.SIGINT, 130), pytest.param(signal.SIGKILL, -signal.SIGKILL, marks=pytest.mark.slow)]


@pytest.mark.parametrize("how, status", INTERRUPTIONS)
def test_an_interrupted_run_goes_on_after_the_last_finished_shadow(how, status, tmp_path):
    """A real interruption of the command, then the same command, against a run that nobody disturbed."""
    folder = tmp_path / "run"
    words = [*LONG, f"run.folder={folder}"]
    process = subprocess.Popen(
        [sys.executable, "-m", "course_lib.membership", "run", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    third = folder / "parts" / "0002-0002" / "shadows.npz"
    deadline = time.monotonic() + 300
    while not third.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(how)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == status
    assert (b"interrupted: the same command goes on" in errors) == (how == signal.SIGINT)
    finished = sorted((folder / "parts").glob("*/shadows.npz"))
    assert 3 <= len(finished) < 8 and not (folder / "shadows").exists()

    said, stamps = [], {path: path.stat().st_mtime_ns for path in finished}
    trained = []
    original = run_module.train_shadows
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_module, "train_shadows", lambda *a, **k: trained.append(a[2].numbers) or original(*a, **k))
        patch.setattr(run_module.RunFolder, "drop", lambda self, name: None)
        run_recipe(resolve_settings(words), said.append)
    assert [n.tolist() for n in trained] == [[m] for m in range(len(finished), 8)]
    assert sum("finished before" in line for line in said) == 1 + len(finished)  # the victim, too
    assert {path: path.stat().st_mtime_ns for path in finished} == stamps

    undisturbed = tmp_path / "undisturbed"
    run_recipe(resolve_settings([*words[:-1], f"run.folder={undisturbed}"]))
    assert contents(folder) == contents(undisturbed)


def test_a_half_written_shadow_is_trained_again(done, tmp_path):
    folder = tmp_path / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_module.RunFolder, "drop", lambda self, name: None)
        run(folder)
    (folder / "shadows" / "shadows.npz").unlink()
    (folder / "parts" / "0001-0001" / "shadows.npz").unlink()  # the description lies there, the arrays do not
    said = []
    run(folder, say=said.append)
    assert "shadows 2 to 2 of 4: training" in said and "shadows 3 to 3 of 4: finished before" in said
    assert contents(folder) == contents(done)


def test_a_folder_never_holds_two_runs(done, tmp_path):
    before = contents(done)
    with pytest.raises(ValueError, match="holds a run with shadow.n_models=4, not 5: choose another run.folder"):
        run(done, "shadow.n_models=5")
    with pytest.raises(ValueError, match="holds a run with run.seed=0, not 3"):
        run(done, "run.seed=3")
    assert contents(done) == before
    (tmp_path / "letter.txt").write_text("not a run")
    with pytest.raises(ValueError, match="holds files but no run: choose another run.folder"):
        run(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_a_folder_of_other_versions_is_not_gone_on_with(tmp_path):
    run(tmp_path / "run", "attack.names=gap")
    told = json.loads((tmp_path / "run" / "settings.json").read_text())
    told["versions"]["torch"] = "1.0"
    (tmp_path / "run" / "settings.json").write_text(json.dumps(told))
    with pytest.raises(ValueError, match="holds a run with torch=1.0, not"):
        run(tmp_path / "run", "attack.names=gap")


def test_the_default_folder_follows_the_settings():
    one, other = resolve_settings([]), resolve_settings(["shadow.epochs=29"])
    assert default_folder(one) == default_folder(resolve_settings(["shadow.epochs=30"])) != default_folder(other)
    assert default_folder(one).parts[0] == "runs" and default_folder(one).name.startswith("purchase-")
    elsewhere = resolve_settings(["data.name=cifar10", "data.folder=/elsewhere", "data.download=yes"])
    assert default_folder(elsewhere) == default_folder(resolve_settings(["data.name=cifar10"]))


def test_victim_and_shadows_of_another_run_are_taken_over(done, tmp_path, monkeypatch):
    monkeypatch.setattr(run_module, "train_shadows", no_training)
    reuse = [f"victim.reuse={done}", f"shadow.reuse={done}"]
    run(tmp_path / "all", *reuse)
    assert contents(tmp_path / "all") == contents(done)
    run(tmp_path / "fewer", *reuse, "shadow.n_models=2", "attack.layers=8", "attack.names=shadow")
    fewer = ShadowBundle.load(tmp_path / "fewer" / "shadows")
    assert np.array_equal(fewer.logits, ShadowBundle.load(done / "shadows").logits[:2])


@pytest.mark.parametrize(
    "words, message",
    [
        (
            ["shadow.reuse={}", "shadow.optimizer.lr=0.5"],
            "shadow.reuse: .* was run with shadow.optimizer.lr=0.001, not 0.5",
        ),
        (["shadow.reuse={}", "shadow.n_models=5"], "shadow.n_models=4, not 5"),
        (["victim.reuse={}", "victim.epochs=9"], "victim.reuse: .* was run with victim.epochs=3, not 9: give it here"),
        (["victim.reuse={}", "run.seed=1"], "victim.reuse: .* was run on other records or another split"),
        (["shadow.reuse={}", "data.flip=0.2"], "shadow.reuse: .* was run on other records"),
        (["shadow.reuse=nowhere"], "shadow.reuse: nowhere holds no finished shadows"),
    ],
)
def test_what_would_come_out_otherwise_is_not_taken_over(done, tmp_path, words, message):
    with pytest.raises(ValueError, match=message):
        run(tmp_path / "run", *(word.format(done) for word in words))


def test_other_records_in_the_same_folder_are_seen(tmp_path):
    save(tmp_path / "mine.npz", seed=0)
    words = ["data.name=file", f"data.path={tmp_path / 'mine.npz'}", f"run.folder={tmp_path / 'run'}", *SMALL[2:]]
    words += ["victim.out_per_class=20", "attack.names=gap"]
    run_recipe(resolve_settings(words))
    save(tmp_path / "mine.npz", seed=1)
    with pytest.raises(ValueError, match="run.folder: .* was run on other records or another split"):
        run_recipe(resolve_settings(words))


def save(path, seed, **others):
    generator = np.random.default_rng(seed)
    np.savez(path, X=generator.normal(size=(400, 5)), y=np.arange(400) % 4, **others)


def test_a_file_s_own_test_set_is_the_victim_s_non_members(tmp_path):
    save(tmp_path / "mine.npz", seed=0, X_test=np.zeros((30, 5)), y_test=np.arange(30) % 4)
    words = ["data.name=file", f"data.path={tmp_path / 'mine.npz'}", "victim.out_per_class=0", *SMALL[2:]]
    assert prepare(resolve_settings(words)).split.victim_out.tolist() == list(range(400, 430))


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda path: None, "no file .*: data.path names an .npz of X and y"),
        (lambda path: np.savez(path, X=np.zeros((4, 2))), "holds no y; save it with np.savez"),
        (lambda path: save(path, 0), "file has no test set: give the victim non-members with victim.out_per_class=30"),
        (lambda path: np.savez(path, X=np.array([{}] * 9), y=np.zeros(9)), "Object arrays cannot be loaded"),
    ],
)
def test_a_file_that_does_not_do_is_named(make, message, tmp_path):
    make(tmp_path / "mine.npz")
    words = ["data.name=file", f"data.path={tmp_path / 'mine.npz'}", "victim.out_per_class=0", *SMALL[2:]]
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        prepare(resolve_settings(words))


def test_a_subset_of_classes_is_numbered_anew_and_reported_by_its_own_numbers(tmp_path):
    words = ["data.name=digits", "data.classes=7,3,9", "attack.names=shadow", f"run.folder={tmp_path / 'run'}"]
    settings = resolve_settings([*words, *SMALL[2:]])
    prepared = prepare(settings)
    assert prepared.classes.tolist() == [3, 7, 9] and np.unique(prepared.y).tolist() == [0, 1, 2]
    report = run_recipe(settings)
    assert [row["label"] for row in json.loads((report.folder / "report.json").read_text())["classes"]] == [3, 7, 9]
    for chosen, message in (("3,11", "names class 11; the data have 0 to 9"), ("4", "leaves one class")):
        with pytest.raises(ValueError, match=message):
            prepare(resolve_settings(["data.name=digits", f"data.classes={chosen}"]))


def test_random_halves_make_the_attacks_online(tmp_path):
    words = [word for word in SMALL if "set_size" not in word]
    report = run_recipe(
        resolve_settings([*words, "shadow.plan=half_sampling", "attack.names=lira", f"run.folder={tmp_path / 'run'}"])
    )
    assert report.attacks[0]["threshold"] == "learnt on shadows"
    assert ShadowBundle.load(report.folder / "shadows").used.all()


def test_settings_reach_the_attack():
    settings = resolve_settings(
        ["attack.features=sorted", "attack.route=true", "attack.layers=8,4", "attack.epochs=7", "attack.batch_size=9"]
    )
    attack, has_border = make_attack("shadow", settings)
    assert isinstance(attack, ShadowAttack) and has_border
    assert (attack.features, attack.route, attack.layers) == ("sorted", "true", (8, 4))
    assert (attack.epochs, attack.batch_size, attack.seed) == (7, 9, seeds_of(0)["attack"])
    assert attack.optimizer.keywords["lr"] == 0.01


def test_measures_of_a_known_case():
    found = measures(np.array([3.0, 1.0, -1.0]), np.array([2.0, -2.0]), threshold=0.0)
    assert found["balanced_accuracy"] == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert (found["precision"], found["recall"]) == (pytest.approx(2 / 3), pytest.approx(2 / 3))
    assert found["auc"] == pytest.approx(4 / 6) and found["tpr_at_0.001_fpr"] is None


def test_a_victim_that_has_hardly_learnt_does_not_leak(tmp_path):
    """One epoch at 1e-4, as an often copied result has it: chance, and the report says so."""
    words = "victim.epochs=1 victim.optimizer.lr=1e-4 shadow.epochs=1 shadow.optimizer.lr=1e-4 shadow.n_models=4"
    report = run_recipe(resolve_settings([*words.split(), f"run.folder={tmp_path / 'run'}"]))
    for row in report.attacks:
        assert 0.45 < row["auc"] < 0.55, row["attack"]
        assert row["tpr_at_0.01_fpr"] < 0.04


def test_the_command_attacks_the_bundled_data_in_less_than_a_minute(tmp_path):
    before = os.times()
    done = subprocess.run(
        [sys.executable, "-m", "course_lib.membership", "run", "SHADOW.N_MODELS", "6"],
        capture_output=True, text=True, cwd=tmp_path, env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    spent = os.times()
    assert done.returncode == 0, done.stderr
    assert spent.children_user - before.children_user < 60  # about 5 CPU seconds; 8 with sixteen shadows
    (folder,) = (tmp_path / "runs").iterdir()
    found = {row["attack"]: row for row in json.loads((folder / "report.json").read_text())["attacks"]}
    assert 0.55 < found["gap"]["auc"] < 0.65 < found["shadow"]["auc"] < 0.80
    assert found["loss"]["auc"] > 0.75 and found["lira"]["auc"] > 0.77 and found["rmia"]["auc"] > 0.80
    lines = done.stdout.splitlines()
    assert lines[0].startswith("run folder: runs/purchase-")
    assert [line.split()[0] for line in lines if line.startswith(("shadow  ", "gap", "loss", "lira", "rmia"))] == [
        "shadow", "gap", "loss", "lira", "rmia"
    ]  # fmt: skip


def test_the_command_says_what_is_wrong_and_how_it_ended(capsys, tmp_path):
    assert main(["run", "shadow.nmodels=3"]) == 2
    assert "did you mean shadow.n_models?" in capsys.readouterr().err
    assert main(["run", *SMALL, "shadow.set_size=500", f"run.folder={tmp_path / 'run'}"]) == 2  # given twice
    assert "shadow.set_size is given twice" in capsys.readouterr().err
    assert main(["run", *small("shadow.set_size=500"), f"run.folder={tmp_path / 'run'}"]) == 1
    assert "set_size 500 is above the 120 records of shadow_in_pool" in capsys.readouterr().err


def test_settings_of_a_file_and_words_around_it(capsys, tmp_path):
    (tmp_path / "mine.toml").write_text("[shadow]\nn_models = 2\nepochs = 2\n[attack]\nnames = ['gap']\n")
    words = [word for word in SMALL if not word.startswith(("shadow.n_models", "shadow.epochs"))]
    status = main(["run", *words, "--settings", str(tmp_path / "mine.toml"), f"run.folder={tmp_path / 'run'}"])
    assert status == 0 and "shadows 2 to 2 of 2: training" in capsys.readouterr().out


def test_what_cannot_be_measured_is_said_to_be_unknown(done):
    report = run(done)
    table = lines_of(report)
    assert "unknown" in next(line for line in table if line.startswith("lira"))
    assert any("in hindsight" in line or line.startswith("hindsight") for line in table)
    assert table[-1].endswith(str(done))


def test_help_lists_every_key(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert "shadow.optimizer.lr  (float)" in shown and "cifar10: 1500" in shown
