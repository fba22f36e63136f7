"""A pytest plugin: a notebook that nbval runs must stay within the budget of a page.

    PYTHONPATH=tools python -m pytest -p notebook_budget --nbval-lax book exercises solutions

When the last cell of a notebook has run, its kernel's CPU seconds and peak memory are read.
They may be three times and one and a half times the budget: a test machine may be slow.
"""

from __future__ import annotations

import psutil
import pytest
from measure_pages import BUDGET_MEGABYTES, BUDGET_SECONDS

CPU_SECONDS = 3 * BUDGET_SECONDS
MEGABYTES = 1.5 * BUDGET_MEGABYTES


def overrun(cpu_seconds: float, megabytes: float) -> str:
    """What is too much, in words; empty if nothing is.

    >>> overrun(10, 300)
    ''
    >>> overrun(200, 300)
    'the notebook took 200 s of CPU, more than 180 s'
    """
    problems = []
    if cpu_seconds > CPU_SECONDS:
        problems.append(f"the notebook took {cpu_seconds:.0f} s of CPU, more than {CPU_SECONDS:.0f} s")
    if megabytes > MEGABYTES:
        problems.append(f"the notebook took {megabytes:.0f} MB, more than {MEGABYTES:.0f} MB")
    return "; ".join(problems)


def usage(pid: int) -> tuple[float, float]:
    """CPU seconds and peak megabytes of a running process."""
    process = psutil.Process(pid)
    times = process.cpu_times()
    megabytes = process.memory_info().rss / 1e6
    try:
        with open(f"/proc/{pid}/status", encoding="ascii") as status:
            peak = next(line for line in status if line.startswith("VmHWM:"))
        megabytes = int(peak.split()[1]) * 1024 / 1e6
    except (OSError, StopIteration):  # no such file outside Linux: the present size must do
        pass
    return times.user + times.system, megabytes


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown(item, nextitem):
    """After the last cell of a notebook, and before its kernel goes."""
    kernel = getattr(item.parent, "kernel", None)
    if kernel is None or (nextitem is not None and nextitem.parent is item.parent):
        return
    pid = getattr(getattr(kernel.km, "provisioner", None), "pid", None)
    if pid is None or not psutil.pid_exists(pid):
        return
    problem = overrun(*usage(pid))
    if problem:
        pytest.fail(problem, pytrace=False)
