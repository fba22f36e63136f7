"""What every part of the test suite shares: the path to the tools, no network, and one built site."""

import fcntl
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))  # the tools import each other as scripts do
# Test processes and their kernels share the cores; more threads in each would only wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(ROOT / "tests" / "network"))

import no_network  # noqa: E402


def pytest_configure(config):
    """No network from here to the end of the run: doctests, collection and notebooks included."""
    patch = pytest.MonkeyPatch()
    no_network.refuse_other_machines(patch.setattr)
    config.add_cleanup(patch.undo)
    config.add_cleanup(no_network.refuse_them_to_kernels().cleanup)


@pytest.hookimpl(optionalhook=True)  # without xdist nobody asks
def pytest_xdist_make_scheduler(config, log):
    """Tests of a file stay with one process, and all that wait for the site with one: the other need not wait.

    One of the two long passes of the browser is left for whoever is free at the end.
    """
    from xdist.scheduler import LoadFileScheduling

    class SiteApart(LoadFileScheduling):
        def _split_scope(self, nodeid):
            if nodeid.endswith("in_a_browser[light]"):
                return nodeid
            if nodeid.startswith(("tests/site/", "tests/claims/")) and "test_browser_lab" not in nodeid:
                return "site"
            return super()._split_scope(nodeid)

    return SiteApart(config, log)


@contextmanager
def only_one_process(path: Path):
    """Hold the lock of this file, waiting for whoever holds it."""
    with open(path, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def build_site(log: Path) -> None:
    """Build the site in _build/html as `make book` does; write what the build says into `log`."""
    tool = [sys.executable, str(ROOT / "tools" / "export_notebooks.py")]
    listed = subprocess.run([*tool, "--list"], cwd=ROOT, capture_output=True, text=True, check=True)
    if not all((ROOT / name).is_file() for name in listed.stdout.split()):
        subprocess.run(tool, cwd=ROOT, check=True)  # launch links end in .ipynb only where one lies
    build = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "build_book.py")],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    log.write_text(f"{build.returncode}\n{build.stdout}", encoding="utf-8")


@pytest.fixture(scope="session")
def site(tmp_path_factory) -> Path:
    """The folder of the built site: one build for all processes of a test run.

    The environment variable COURSE_SITE names a site that is built already.
    """
    if given := os.environ.get("COURSE_SITE"):
        return Path(given).resolve(strict=True)
    run_folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        run_folder = run_folder.parent
    log = run_folder / "site.log"
    with only_one_process(run_folder / "site.lock"):
        if not log.exists():
            build_site(log)
    status, said = log.read_text(encoding="utf-8").split("\n", 1)
    if status != "0":
        pytest.fail(f"the book does not build without warnings:\n{said[-6000:]}", pytrace=False)
    return ROOT / "_build" / "html"
