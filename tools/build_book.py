"""Build the site into _build/html, with every warning an error.

    python tools/build_book.py

All pages are read anew each time: Sphinx shows a warning only while it reads a page, so
a second build that skipped the pages of a failed one would pass. Cells are not run
again for that: their outputs come from the execution cache (see sphinx_course.py).
"""

import os
import shutil
import sys
from pathlib import Path

from build_browser_lab import write_placeholder
from jupyter_book.cli.main import main as jupyter_book

ROOT = Path(__file__).resolve().parents[1]


def build(root: Path = ROOT) -> None:
    """Build the book that lies in `root`; Jupyter Book prints where to open it."""
    shutil.rmtree(root / "_build" / "html", ignore_errors=True)  # or pages that have gone would stay
    os.environ["OMP_NUM_THREADS"] = "1"  # with two threads, sums differ in the last digits
    os.environ.setdefault("COURSE_PROGRESS", "0")  # no bars in the built pages
    # Pages and API reference use the course_lib beside them, wherever it is installed from.
    os.environ["PYTHONPATH"] = str(root)
    sys.path.insert(0, str(root))
    jupyter_book(["build", str(root), "--all", "-q", "-W", "-n", "--keep-going"], standalone_mode=False)
    write_placeholder(root / "_build" / "html")  # until build_browser_lab.py puts the lab there


if __name__ == "__main__":
    try:
        build()
    except RuntimeError:  # Jupyter Book's own, after Sphinx has said what is wrong
        sys.exit("The book was not built: the messages above name the page and the cause.")
