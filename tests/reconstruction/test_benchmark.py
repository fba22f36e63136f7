"""The benchmark: its tables, and the speed that chapter 2 speaks of with much to spare."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def benchmark():
    spec = importlib.util.spec_from_file_location("reconstruction_benchmark", ROOT / "benchmarks" / "reconstruction.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def cells(line):
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_all_encodings_are_timed_on_the_same_blocks(benchmark):
    times = benchmark.time_blocks(5, [0, 1, 2], benchmark.ENCODINGS, timeout=60)
    assert list(times) == ["head-counts", "direct", "index-vectors"]
    for one in times.values():
        assert one.solved == (True, True, True) and min(one.seconds) > 0 and not one.is_lower_bound
        assert one.median == sorted(one.seconds)[1]


@pytest.mark.parametrize(
    ("solved", "is_lower_bound"), [((True, True, False), False), ((True, False, False), True), ((True, False), True)]
)
def test_a_median_of_blocks_given_up_is_a_lower_bound(benchmark, solved, is_lower_bound):
    assert benchmark.Times((1.0,) * len(solved), solved).is_lower_bound == is_lower_bound


def test_what_is_given_up_is_shown_as_more(benchmark):
    *_, row = benchmark.small_blocks([30], n_blocks=1, timeout=0.01)
    assert [cell.startswith("> ") for cell in cells(row)] == [False, True, True, True, True, True]


def test_large_blocks_are_counted(benchmark):
    *_, row = benchmark.large_blocks([7], n_blocks=2)
    assert cells(row)[:2] == ["7", "2 of 2"]


@pytest.mark.slow
def test_head_counts_are_many_times_faster():
    done = subprocess.run(
        [sys.executable, "benchmarks/reconstruction.py", "--quick"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    rows = {int(cells(line)[0]): cells(line) for line in done.stdout.splitlines() if re.match(r"\| \d", line)}
    assert set(rows) == {7, 10, 50}
    assert float(rows[10][-1].strip("> ")) > 10  # 30 expected, and a factor of 3 to spare
    assert rows[50][1] == "3 of 3"
