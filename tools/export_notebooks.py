"""Write an ``.ipynb`` beside every notebook page, for Jupyter, Binder and Colab.

    python tools/export_notebooks.py            beside the pages
    python tools/export_notebooks.py --to DIR   the same tree under DIR
    python tools/export_notebooks.py --list     print the notebooks' paths, write nothing

Outside the built book nobody understands MyST, so it becomes plain Markdown (see
plain_markdown.py), cells tagged ``book-only`` go, and a first cell installs the course
where it is missing.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import sys
from pathlib import Path

import nbformat
from course_index import Course
from course_pages import FOLDERS, ROOT, PageError, blocks, notebook_pages, split_header
from jupytext.myst import myst_to_notebook
from plain_markdown import Translator, trimmed

INSTALL_CELL = """\
# Installs the course where it is missing (on Colab, say) and leaves everything else as it is.
import importlib.util, subprocess, sys
for module, source in {{"course_lib": "git+{url}", "z3": "z3-solver"}}.items():
    if importlib.util.find_spec(module) is None:
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", source]
        subprocess.run(command, check=True)
        importlib.invalidate_caches()"""


def refuse_hidden_cells(text: str, page: str) -> None:
    """Refuse a code cell inside another directive, which Jupyter would run and the book would not."""
    _, lines, first = split_header(text)
    for block in blocks(lines, first, page):
        inside = "\n".join(block.body)
        if (
            block.kind == "directive"
            and block.name != "code-cell"
            and re.search(r"^\s*[`~:]{3,}\s*\{code-cell", inside, re.M)
        ):
            raise PageError(
                page, block.line, f"a code-cell inside {block.name!r}: the book does not run it, Jupyter does"
            )


def export(text: str, page: str, course: Course) -> nbformat.NotebookNode:
    """The notebook for a page's text.

    Parameters
    ----------
    text : the page, with a jupytext header.
    page : its path from the root, with forward slashes.
    course : the pages, references and values it may point to.

    Raises
    ------
    PageError
        at a directive, role or target outside the closed set; the message starts ``file:line``.
    """
    refuse_hidden_cells(text, page)
    source = myst_to_notebook(text, add_source_map=True)
    cells = [
        nbformat.v4.new_code_cell(
            INSTALL_CELL.format(url=course.repository),
            metadata=_metadata({"tags": ["install", "hide-input"]}),
        )
    ]
    translator = Translator(course, page)
    lines = text.splitlines()
    for cell, start in zip(source.cells, source.metadata["source_map"], strict=True):
        if "book-only" in cell.metadata.get("tags", []):
            continue
        if cell.cell_type == "markdown":
            start += next(index for index, line in enumerate(lines[start:]) if line.strip())
            cell.source = "\n".join(trimmed(translator.markdown(cell.source.splitlines(), start + 1)))
            if not cell.source:
                continue
        cell.metadata = _metadata(cell.metadata)
        cells.append(cell)
    for number, cell in enumerate(cells):
        cell.id = f"cell-{number:03d}"
    notebook = nbformat.v4.new_notebook(cells=cells, metadata=_notebook_metadata(split_header(text)[0]))
    notebook.nbformat_minor = 5
    notebook.metadata["course_page"] = {"page": page, "sources": _sources_hash(notebook)}
    nbformat.validate(notebook)
    return notebook


def _metadata(metadata: dict) -> dict:
    """A cell's metadata, with what Jupyter itself calls a hidden input."""
    metadata = dict(metadata)
    if {"hide-input", "remove-input"} & set(metadata.get("tags", [])):
        metadata["jupyter"] = {"source_hidden": True}
    return metadata


def _notebook_metadata(header: dict) -> dict:
    kept = {key: value for key, value in header.items() if key not in ("jupytext", "kernelspec")}
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {**kept, "kernelspec": kernel, "language_info": {"name": "python"}}


def _sources_hash(notebook: nbformat.NotebookNode) -> str:
    return hashlib.sha256("\0".join(cell.source for cell in notebook.cells).encode()).hexdigest()


def save(notebook: nbformat.NotebookNode, path: Path) -> Path | None:
    """Write a notebook; if a reader has changed the one that is there, keep theirs beside it.

    Returns
    -------
    Where the reader's own notebook now stands, or None.
    """
    kept = None
    if path.exists() and _edited(path):
        number = next(n for n in range(1, 10_000) if not path.with_name(f"{path.stem}-yours-{n}.ipynb").exists())
        kept = path.rename(path.with_name(f"{path.stem}-yours-{number}.ipynb"))
    path.parent.mkdir(parents=True, exist_ok=True)
    content = nbformat.writes(notebook) + "\n"
    if not path.exists() or path.read_text(encoding="utf-8") != content:
        path.write_text(content, encoding="utf-8")
    return kept


def _edited(path: Path) -> bool:
    try:
        notebook = nbformat.read(path, as_version=4)
    except Exception:  # not a notebook at all: a person's file
        return True
    return notebook.metadata.get("course_page", {}).get("sources") != _sources_hash(notebook)


def remove_orphans(root: Path, exported: set[Path]) -> list[Path]:
    """Delete notebooks that this tool wrote for a page that is gone, unless they were changed."""
    gone = []
    for path in (path for folder in FOLDERS for path in (root / folder).rglob("*.ipynb")):
        if path not in exported and ".ipynb_checkpoints" not in path.parts and not _edited(path):
            path.unlink()
            gone.append(path)
    return gone


def main(arguments: list[str] | None = None) -> int:
    """Export every notebook page; 1 when a page is refused."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--root", type=Path, default=ROOT, help="the checkout")
    parser.add_argument("--to", type=Path, help="write the tree under this folder (default: beside the pages)")
    parser.add_argument("--values", type=Path, help="folder of *.glue.json files (default: _build/jupyter_execute)")
    parser.add_argument("--list", action="store_true", help="print the notebooks' paths and write nothing")
    parser.add_argument("--remove", action="store_true", help="remove the notebooks that nobody has changed")
    options = parser.parse_args(arguments)
    root, target = options.root.resolve(), (options.to or options.root).resolve()
    pages = [path.relative_to(root).as_posix() for path in notebook_pages(root)]
    paths = {page: (target / page).with_suffix(".ipynb") for page in pages}
    if options.remove:
        print(f"{len(remove_orphans(target, exported=set()))} notebooks removed")
        return 0
    if options.list:
        print(*(os.path.relpath(path) for path in paths.values()), sep="\n")
        return 0
    course, refused = Course(root, options.values), 0
    for page, path in paths.items():
        try:
            kept = save(export(course.pages[page], page, course), path)
        except PageError as error:
            print(error, file=sys.stderr)
            refused += 1
            continue
        if kept:
            print(f"your changed copy of {path.name} is kept as {os.path.relpath(kept)}")
    remove_orphans(target, set(paths.values()))
    print(f"{len(paths) - refused} notebooks exported" + (f", {refused} pages refused" if refused else ""))
    return 1 if refused else 0


if __name__ == "__main__":
    raise SystemExit(main())
