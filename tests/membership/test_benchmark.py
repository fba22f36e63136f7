"""The benchmark: its tables, and the speed that the part speaks of with much to spare."""

import importlib.util
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def benchmark():
    spec = importlib.util.spec_from_file_location("membership_benchmark", ROOT / "benchmarks" / "membership.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def one_thread():
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(n_threads)


def test_all_shadows_at_once_are_several_times_faster(benchmark, one_thread):
    ways = benchmark.perceptron_ways(n_models=16, epochs=1)
    chosen = {name: ways[name] for name in ("batched, chunks of 16", "a tuned loop", "a DataLoader loop")}
    fast, tuned, loader = benchmark.race(chosen, n_rounds=2).values()
    assert tuned > 4 / 3 * fast  # 4 and more expected, and a factor of 3 to spare
    assert loader > 6 / 3 * fast


def test_a_race_leaves_out_its_first_round(benchmark, monkeypatch):
    clock = iter([0, 100, 0, 100, 0, 1, 0, 4, 0, 3, 0, 6, 0, 2, 0, 5])  # two ways, four rounds
    monkeypatch.setattr(benchmark, "cpu_seconds", lambda: next(clock))
    assert benchmark.race({"first": int, "second": int}, n_rounds=3) == {"first": 2, "second": 5}


def test_the_loops_train_what_the_engines_train(benchmark):
    """Every way sees the members of each model, as many as the plan says, in every epoch."""
    X, y = torch.rand(20, 100), torch.arange(20) % 20
    plan = benchmark.ShadowPlan.half_sampling(20, 2, seed=0)
    for way in (benchmark.tuned_loop, benchmark.loader_loop):
        seen = []

        class Spy(torch.nn.Linear):
            def forward(self, records, seen=seen):
                seen.append(records.detach().clone())
                return super().forward(records)

        way(X, y, plan, lambda spy=Spy: spy(100, 20), epochs=2)
        for m, members in enumerate(torch.tensor(plan.membership)):
            rows = torch.cat(seen[2 * m : 2 * m + 2])  # one batch an epoch
            assert sorted(map(tuple, rows.tolist())) == sorted(2 * list(map(tuple, X[members].tolist())))


@pytest.mark.slow  # tests of LiRA and RMIA hold the scores against their direct computation in any case
def test_direct_scores_are_those_of_the_library_and_slower(benchmark):
    lines = benchmark.scoring(quick=True)[4:]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert [row[0] for row in rows] == ["LiRA", "RMIA"] * 2
    assert all(float(row[5]) <= (1e-12 if row[0] == "LiRA" else 0) for row in rows)
    assert all(float(row[4]) > 3 for row in rows[2:])  # ten times and more expected
