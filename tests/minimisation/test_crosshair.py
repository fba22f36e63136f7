"""CrossHair, a symbolic executor that shares no code with ours, on emitted modules."""

import subprocess
import sys

import pytest

from course_lib.minimisation import best_distributed, examples, program

pytest.importorskip("crosshair", reason="CrossHair (crosshair-tool) is not installed")

CONTRACT = '''

def original({name}: int) -> object:
{body}


def check({name}: int) -> object:
    """
    pre: {first} <= {name} <= {last}
    post: __return__ == original({name})
    """
    return original(minimise({name}))
'''
BODIES = {
    "benefit_level": "    return salary < 10_000",
    "positive": "    return x > 0",
    "loyalty": """    if flights < 10:
        return 0
    if flights < 20:
        return flights - 10
    if flights < 30:
        return min(flights * (flights - 19), 150)
    return 500""",
}


def verdict(name, folder, mutate=lambda source: source):
    """What CrossHair says of p ∘ m = p, for a worked program of one input."""
    domains = examples.DOMAINS[name]
    dm = best_distributed(program(getattr(examples, name), domains))
    [input_] = domains
    domain = domains[input_]
    contract = CONTRACT.format(name=input_, body=BODIES[name], first=domain[0], last=domain[-1])
    path = folder / "checked.py"
    path.write_text(mutate(dm[input_].source()) + contract)
    where = f"{path}:{len(path.read_text().splitlines())}"
    command = [sys.executable, "-m", "crosshair", "check", "--report_all", "--per_condition_timeout", "20", where]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder)


@pytest.mark.parametrize("name", BODIES)
def test_emitted_minimisers_are_confirmed(name, tmp_path):
    done = verdict(name, tmp_path)
    assert "Confirmed over all paths" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [("benefit_level", "< 10000", "< 10001"), ("benefit_level", "< 10000", "< 9999"), ("positive", "< 1", "< 2"),
     ("loyalty", "< 30", "< 31")],
)  # fmt: skip
def test_an_off_by_one_is_refuted(name, old, new, tmp_path):
    def shifted(source):
        assert source.count(old) == 1
        return source.replace(old, new)

    done = verdict(name, tmp_path, shifted)
    assert done.returncode == 1
    assert "false when calling check" in done.stdout
