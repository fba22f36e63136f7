"""The command: pictures and a report that agree with the attack, errors in one line, nothing overwritten."""

import json
import runpy
import sys

import pytest
import torch
from PIL import Image

from course_lib.datasets import pictures
from course_lib.gradients import activation_pattern, extraction_metrics, mlp
from course_lib.gradients.__main__ import FILES, main


def ran(attack, out, *more):
    assert main([attack, "--out", str(out), *more]) == 0
    return json.loads((out / "report.json").read_text(encoding="utf-8"))


def test_the_passive_report_is_the_recall_of_the_pattern(tmp_path, capsys):
    report = ran("passive", tmp_path, "--data", "digits", "--batch", "20", "--seed", "3")
    inputs = torch.from_numpy(pictures("digits", 20, seed=3)[0]).flatten(1)
    recall = extraction_metrics(activation_pattern(mlp([64, 512, 10], seed=3), inputs)).recall
    assert report["recovered"] == round(20 * recall) and report["false"] == 0
    assert sum(db is not None and db >= 60 for db in report["psnr_db"]) == report["recovered"] > 0
    assert capsys.readouterr().out.startswith(f"{report['recovered']} of 20 pictures recovered, 0 false ones")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(FILES)
    with Image.open(tmp_path / "pictures.png") as picture:
        assert picture.width > 800 and picture.height > 200


def test_traps_find_more_than_an_honest_server(tmp_path):
    options = ["--data", "digits", "--batch", "30", "--neurons", "200"]
    honest, trap = (ran(attack, tmp_path / attack, *options) for attack in ("passive", "trap"))
    assert trap["recovered"] > 1.3 * honest["recovered"] and 0.5 <= trap["scale"] < 1
    assert honest["false"] == trap["false"] == 0


def test_peeling_finds_the_batch_its_labels_and_its_size(tmp_path, capsys):
    report = ran("peel", tmp_path, "--data", "photos", "--batch", "8")
    assert report["recovered"] == report["labels_right"] == report["batch_size"] == 8
    assert report["complete"] is True and report["false"] == 0
    assert "Labels right: 8. Batch size: 8.\nShown to be complete: yes" in capsys.readouterr().out


def test_exclusive_neurons_find_a_small_batch(tmp_path):
    report = ran("exclusive", tmp_path, "--data", "digits", "--batch", "3", "--double")
    assert report["recovered"] == report["labels_right"] == 3 and report["dtype"] == "float64"


def test_an_attack_that_finds_nothing_says_so(tmp_path):
    """One neuron cannot tell twelve digits apart."""
    report = ran("passive", tmp_path, "--data", "digits", "--batch", "12", "--neurons", "1", "--seed", "1")
    assert report["recovered"] == report["found"] == 0 and report["psnr_db"] == [None] * 12


def test_two_runs_agree_but_for_the_time(tmp_path):
    first, second = (ran("passive", tmp_path / name, "--data", "digits") for name in "ab")
    assert first.pop("seconds") >= 0 and second.pop("seconds") >= 0
    assert first == second


def test_nothing_is_overwritten_unless_asked(tmp_path, capsys):
    ran("passive", tmp_path, "--data", "digits")
    before = (tmp_path / "report.json").read_text()
    assert main(["passive", "--data", "digits", "--seed", "1", "--out", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert said == f"passive: {tmp_path / 'report.json'} is there already: give another --out, or --overwrite\n"
    assert (tmp_path / "report.json").read_text() == before
    assert ran("passive", tmp_path, "--data", "digits", "--seed", "1", "--overwrite")["seed"] == 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--batch", "0"], "passive: --batch is 0; at least 1 is needed"),
        (["--neurons", "0"], "passive: --neurons is 0; at least 1 is needed"),
        (["--seed", "-1"], "passive: --seed is -1; at least 0 is needed"),
        (["--data", "digits", "--batch", "2000"], "passive: 2000 digits asked for, there are 1797"),
        (["--data", "cifar10", "--folder", "nowhere"], "passive: cifar10 is not in 'nowhere': add --download, or"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(options, said, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["passive", "--out", "out", *options]) == 1
    error = capsys.readouterr().err
    assert error.startswith(said) and error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_an_out_that_is_a_file_is_refused(tmp_path, capsys):
    (tmp_path / "out").write_text("mine")
    assert main(["passive", "--data", "digits", "--out", str(tmp_path / "out")]) == 1
    assert capsys.readouterr().err.count("\n") == 1 and (tmp_path / "out").read_text() == "mine"


@pytest.mark.filterwarnings("ignore:'course_lib.gradients.__main__' found in sys.modules:RuntimeWarning")
def test_it_runs_as_a_module(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["gradients", "passive", "--data", "digits", "--out", str(tmp_path)])
    with pytest.raises(SystemExit) as stop:
        runpy.run_module("course_lib.gradients", run_name="__main__")
    said = capsys.readouterr()
    assert stop.value.code == 0 and "pictures recovered" in said.out and said.err == ""
