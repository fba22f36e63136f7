"""A pytest plugin: a notebook that nbval runs must stay within the budget of a page.

    PYTHONPATH=tools python -m pytest -p notebook_budget --nbval-lax book exercises solutions

When the last cell of a notebook has run, its kernel's CPU seconds and peak memory are read.
They may be three times and one and a half times the budget: a test machine may be slow. With more
than one thread to a process (OMP_NUM_THREADS) each has as many seconds, for those that wait count as well.
"""

from __future__ import annotations

import os

import psutil
import pytest
from measure_pages import BUDGET_MEGABYTES, BUDGET_SECONDS

CPU_SECONDS = 3 * BUDGET_SECONDS * int(os.environ.get("OMP_NUM_THREADS", 1))
MEGABYTES = 1.5 * BUDGET_MEGABYTES


def overrun(cpu_seconds: float, megabytes: float) -> str:
    """What is too much, in words; empty if nothing is.

    >>> overrun(10, 300)
    ''
    >>> overrun(10, 3000)
    'the notebook took 3000 MB, more than 1500 MB'
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


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item, nextitem):
    """After the last cell of a notebook: its kernel is asked before it goes, and goes whatever is found."""
    kernel = getattr(item.parent, "kernel", None)
    last = nextitem is None or nextitem.parent is not item.parent
    pid = getattr(getattr(kernel.km, "provisioner", None), "pid", None) if kernel and last else None
    problem = overrun(*usage(pid)) if pid is not None and psutil.pid_exists(pid) else ""
    result = yield
    if problem:
        pytest.fail(problem, pytrace=False)
    return result
