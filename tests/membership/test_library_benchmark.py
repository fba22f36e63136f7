"""The benchmark against other libraries: what it prints with them and without."""

import importlib.util
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def benchmark():
    spec = importlib.util.spec_from_file_location("libraries", ROOT / "benchmarks" / "membership_libraries.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield module
    torch.set_num_threads(n_threads)


def test_many_private_models_at_once_cost_less_each(benchmark, monkeypatch):
    monkeypatch.setattr(benchmark.importlib.util, "find_spec", lambda name: None)
    lines = benchmark.private_training(quick=True)
    one, many = ([cell.strip() for cell in line.split("|")[1:-1]] for line in lines[4:6])
    assert one[0] == "ours, one model" and many[0] == "ours, 16 models at once"
    assert one[3] == many[3] == "4.04"
    assert float(many[2]) < 0.9  # about 0.3
    assert lines[-1] == "Not compared: pip install opacus"


def test_what_is_installed_is_compared(benchmark):
    assert benchmark.missing("json", "json") == []
    assert benchmark.missing("no_such_module", "such") == ["", "Not compared: pip install such"]
