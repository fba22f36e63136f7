"""The benchmark of peeling: its ratio, with a factor to spare."""

import importlib.util
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def benchmark():
    spec = importlib.util.spec_from_file_location("exclusivity_benchmark", ROOT / "benchmarks" / "exclusivity.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def cells(line):
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_exact_pictures_count_three_hundred(benchmark):
    truth = torch.eye(2)
    assert benchmark.nearest_db(truth, truth) == 300
    assert benchmark.nearest_db(truth, truth[:0]) == 0


def test_peeling_beats_an_optimiser_by_a_hundred_decibels(benchmark):
    lines = benchmark.race(8, [1], dlg_steps=8, cosine_steps=3)
    rows = {cells(line)[0]: cells(line)[1:] for line in lines[4:]}
    assert float(rows["peeling"][1]) >= 297
    assert float(rows["peeling"][1]) - float(rows["dlg"][1]) >= 100


def test_growth_reaches_the_pattern_bound(benchmark):
    lines = benchmark.growth([(256, 16)], [0])
    neurons, size, _, _, share, bound, complete = cells(lines[-1])
    assert (neurons, size) == ("256", "16") and share == bound and complete in ("0.0", "1.0")


@pytest.mark.slow
def test_memory_of_two_hundred_samples(benchmark):
    assert benchmark.peak_megabytes(1000, 200) < 900
