"""A page never shows numbers of an older library, and a warning never passes."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from sphinx_course import library_key

ROOT = Path(__file__).resolve().parents[2]
PAGE = """\
---
jupytext: {text_representation: {extension: .md, format_name: myst}}
kernelspec: {display_name: Python 3, language: python, name: python3}
---
# A page

```{code-cell}
from course_lib.planted import NUMBER
print("the number is", NUMBER)
```
"""


@pytest.fixture
def small_book(tmp_path):
    """A book of one page, with a number in its own copy of the library."""
    ignore = shutil.ignore_patterns("__pycache__")
    for folder in ("tools", "course_lib", "book/_static", "book/_templates"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=ignore)
    for file in ("_config.yml", "constraints.txt"):
        shutil.copy(ROOT / file, tmp_path)
    (tmp_path / "_toc.yml").write_text("format: jb-book\nroot: book/page\n")
    (tmp_path / "book" / "references.bib").write_text("")
    (tmp_path / "book" / "page.md").write_text(PAGE)
    (tmp_path / "book" / "page.ipynb").write_text("{}")
    (tmp_path / "course_lib" / "planted.py").write_text("NUMBER = 41\n")
    return tmp_path


def shown_number(book):
    page = (book / "_build" / "html" / "book" / "page.html").read_text(encoding="utf-8")
    return page.split("the number is ")[1].split()[0]


def run(book, *command):
    environment = {**os.environ, "PYTHONPATH": str(book), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, *command], cwd=book, env=environment, capture_output=True, text=True
    )


def build_without_the_tool(book):
    """What `jupyter-book build .` does: it reads only the pages that it thinks have changed."""
    start = "from jupyter_book.cli.main import main; main()"
    return run(book, "-c", start, "build", ".", "-q", "-W", "-n", "--keep-going")


def test_a_changed_library_changes_the_page(small_book):
    assert run(small_book, "tools/build_book.py").returncode == 0
    assert shown_number(small_book) == "41"
    (small_book / "course_lib" / "planted.py").write_text("NUMBER = 42\n")
    assert build_without_the_tool(small_book).returncode == 0
    assert shown_number(small_book) == "42"


@pytest.mark.slow
def test_without_the_extension_the_page_would_keep_its_number(small_book):
    """The test above can fail."""
    extension = small_book / "tools" / "sphinx_course.py"
    connected = 'app.connect("config-inited", use_a_cache_for_this_library)'
    source = extension.read_text()
    assert connected in source
    extension.write_text(source.replace(connected, "pass"))
    assert run(small_book, "tools/build_book.py").returncode == 0
    (small_book / "course_lib" / "planted.py").write_text("NUMBER = 42\n")
    assert run(small_book, "tools/build_book.py").returncode == 0
    assert shown_number(small_book) == "41"


def test_a_warning_fails_this_build_and_the_next(small_book):
    with open(small_book / "book" / "page.md", "a") as page:
        page.write("\n{doc}`no_such_page`\n")
    for _ in range(2):
        build = run(small_book, "tools/build_book.py")
        assert build.returncode == 1
        assert "no_such_page" in build.stderr
        assert "Traceback" not in build.stderr


def test_the_key_depends_on_code_data_and_versions(tmp_path):
    folder = tmp_path / "course_lib"
    folder.mkdir()
    files = [folder / "code.py", folder / "table.csv", folder / "look.mplstyle", tmp_path / "constraints.txt"]
    for file in files:
        file.write_text("1")
    keys = [library_key(tmp_path)]
    for file in files:
        file.write_text("2")
        keys.append(library_key(tmp_path))
    (folder / "code.py").rename(folder / "renamed.py")
    keys.append(library_key(tmp_path))
    assert len(set(keys)) == len(keys)
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "renamed.cpython-311.pyc").write_text("made by running the code")
    assert library_key(tmp_path) == keys[-1]
