"""All benchmarks run, one after the other, and each gives a table."""

import re
import subprocess
import sys

import pytest
from course_pages import ROOT


@pytest.mark.slow
def test_every_benchmark_of_the_folder_runs_and_prints_a_table():
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--quick"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    sections = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", done.stdout, flags=re.M | re.S))
    assert set(sections) == {path.stem for path in (ROOT / "benchmarks").glob("[!_]*.py")}
    assert all(re.search(r"^\|[-:| ]+\|\n\|", text, flags=re.M) for text in sections.values())
