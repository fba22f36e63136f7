"""A verifier that is not ours reads the emitted modules: CrossHair confirms them, and refutes a shifted cut."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from course_lib.minimisation import best_distributed, program
from course_lib.minimisation.examples import DOMAINS, benefit_level

ROOT = Path(__file__).resolve().parents[2]
CONDITIONS = '''
from minimise_salary import minimise
from course_lib.minimisation.examples import benefit_level


def unchanged(salary: int) -> bool:
    """
    pre: 0 <= salary <= 100000
    post: __return__
    """
    return benefit_level(minimise(salary)) == benefit_level(salary) and minimise(minimise(salary)) == minimise(salary)
'''


@pytest.mark.parametrize(
    ("shift", "status", "words"), [(0, 0, "Confirmed over all paths"), (1, 1, "error: false when calling unchanged(")]
)
def test_crosshair_confirms_the_emitted_module_and_refutes_an_off_by_one(tmp_path, shift, status, words):
    best_distributed(program(benefit_level, DOMAINS["benefit_level"])).write(tmp_path)
    module = tmp_path / "minimise_salary.py"
    text = module.read_text(encoding="utf-8")
    assert text.count("salary < 10000") == 1
    module.write_text(text.replace("salary < 10000", f"salary < {10000 + shift}"), encoding="utf-8")
    conditions = tmp_path / "conditions.py"
    conditions.write_text(CONDITIONS, encoding="utf-8")
    options = ["--analysis_kind=PEP316", "--report_all", "--per_condition_timeout=60"]
    done = subprocess.run(
        [sys.executable, "-m", "crosshair", "check", str(conditions), *options],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, words in done.stdout) == (status, True), done.stdout + done.stderr
