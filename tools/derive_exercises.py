"""Derive every exercise page from its solution page.

    python tools/derive_exercises.py            write exercises/ from solutions/
    python tools/derive_exercises.py --check    write nothing; show a diff and end with 1 if they differ

In a solution page, a cell tagged ``solution`` is dropped. Inside any other code cell the
lines after ``# solution: what to write`` are replaced by one blank that says so, until the
cell ends, a line stands further left, or ``# end solution`` stands on a line.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import json
import re
import sys
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path

from course_pages import ROOT, Block, PageError, blocks, split_header

_MARK = re.compile(r"^(?P<indent>\s*)# solution(?::\s*(?P<what>.*\S))?\s*$")
_END = re.compile(r"^\s*# end solution\s*$")
_BREAK = re.compile(r"^\+\+\+(?P<metadata>.*)$")


def derive(text: str, page: str | Path = "page") -> str:
    """The exercise page for the text of a solution page.

    Raises
    ------
    PageError
        for a mark that does not say what to write, a blank that cannot be named, or a
        title that does not begin with ``Solutions:``.

    Examples
    --------
    >>> lines = ["# solution: count the rows", "answer = 7", "# end solution", "print(answer)"]
    >>> print(derive("\\n".join(["# Solutions: counting", "", "```{code-cell}", *lines, "```"])))
    # Exercises: counting
    <BLANKLINE>
    ```{code-cell}
    answer = ...  # count the rows
    print(answer)
    ```
    <BLANKLINE>
    """
    _, body, first = split_header(text)
    header = text.splitlines()[: first - 1]
    result: list[str] = []
    dropping = False  # inside a Markdown cell tagged solution
    for block in blocks(body, first, page):
        if block.kind == "text":
            kept, dropping = _drop_tagged_text(block, dropping, page)
            result += kept
        elif block.name == "code-cell":
            dropping = False
            if "solution" not in block.tags:
                result += _blank_cell(block, page)
        elif not dropping:
            result += block.lines
    if not any(line.startswith("# Solutions: ") for line in result):
        raise PageError(page, first, "a solution page needs a heading that begins '# Solutions: '")
    notice = [f"% Derived from {page} by `make exercises`: edit that page, not this one."] if header else []
    page_text = "\n".join([*(_retitle(line) for line in header), *notice, *(_retitle(line) for line in result)])
    return re.sub(r"\n{3,}", "\n\n", page_text).rstrip("\n") + "\n"


def _retitle(line: str) -> str:
    line = re.sub(r"^(# |title:\s*[\"']?)Solutions: ", r"\1Exercises: ", line)
    # A label stands once in the book, so a solution's label turns into its exercise's.
    return re.sub(r"^\(solutions-([^()\s]+)\)=", r"(exercises-\1)=", line)


def _drop_tagged_text(block: Block, dropping: bool, page: str | Path) -> tuple[list[str], bool]:
    kept = []
    for offset, line in enumerate(block.lines):
        if match := _BREAK.match(line):
            try:
                metadata = json.loads(match["metadata"] or "{}")
            except json.JSONDecodeError as error:
                raise PageError(page, block.line + offset, f"the metadata of this cell is no JSON: {error}") from error
            dropping = "solution" in metadata.get("tags", [])
            if dropping:
                continue
        if not dropping:
            kept.append(line)
    return kept, dropping


def _blank_cell(block: Block, page: str | Path) -> list[str]:
    """The lines of a code cell with its marked lines replaced."""
    head, fence = block.lines[: block.body_line - block.line], block.lines[-1]
    return [*head, *replace_marked(block.body, block.body_line, page), fence]


def replace_marked(
    body: Sequence[str],
    first_line: int,
    page: str | Path,
    show: Callable[[list[str], list[str], str], list[str]] = lambda blank, worked, indent: blank,
) -> list[str]:
    """The lines of a cell with the marked ones replaced by what ``show`` makes of them.

    Parameters
    ----------
    body : the lines of the cell, the first of which is line ``first_line`` of the page.
    show : takes the blank, the worked lines and the mark's indent; gives what stands in their place.

    Examples
    --------
    >>> replace_marked(["# solution: count", "n = 7"], 1, "page")
    ['n = ...  # count']
    """
    result, index = [], 0
    while index < len(body):
        mark = _MARK.match(body[index])
        if not mark:
            if _END.match(body[index]):
                raise PageError(page, first_line + index, "'# end solution' without '# solution'")
            result.append(body[index])
            index += 1
            continue
        end = index + 1
        while end < len(body) and not _END.match(body[end]) and not _further_left(body[end], mark["indent"]):
            end += 1
        worked = list(body[index + 1 : end])
        result += show(_blank(worked, mark, first_line + index, page), worked, mark["indent"])
        index = end + 1 if end < len(body) and _END.match(body[end]) else end
    return result


def _further_left(line: str, indent: str) -> bool:
    return bool(line.strip()) and len(line) - len(line.lstrip()) < len(indent)


def _blank(dropped: list[str], mark: re.Match, line: int, page: str | Path) -> list[str]:
    """What stands in an exercise for the dropped lines."""
    indent, what = mark["indent"], mark["what"]
    if not what:
        raise PageError(page, line, "a mark must say what to write: '# solution: the number of rows'")
    source = textwrap.dedent("\n".join(dropped))
    try:
        statements = ast.parse(source).body
    except SyntaxError as error:
        raise PageError(page, line, f"the lines after the mark are no Python on their own: {error.msg}") from error
    for statement in statements:
        if isinstance(statement, ast.FunctionDef):
            kept = source.splitlines()[statement.lineno - 1 : _signature_end(statement)]
            return [indent + text for text in [*kept, f"    ...  # {what}"]]
        if isinstance(statement, ast.Assign | ast.AnnAssign):
            target = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
            blanks = ", ".join(["..."] * (len(target.elts) if isinstance(target, ast.Tuple) else 1))
            return [f"{indent}{ast.unparse(target).strip('()')} = {blanks}  # {what}"]
        if isinstance(statement, ast.Return):
            return [f"{indent}return ...  # {what}"]
    raise PageError(page, line, "the lines after the mark hold no assignment, function or return to leave blank")


def _signature_end(function: ast.FunctionDef) -> int:
    """The last line of a function's head: its signature, and its docstring if it has one."""
    first = function.body[0]
    return first.end_lineno if ast.get_docstring(function) is not None else first.lineno - 1


def derived_pages(root: Path = ROOT) -> dict[Path, str]:
    """The path and text of every exercise page, as the solutions say they should be."""
    return {
        root / "exercises" / path.relative_to(root / "solutions"): derive(
            path.read_text(encoding="utf-8"), path.relative_to(root).as_posix()
        )
        for path in sorted((root / "solutions").rglob("*.md"))
    }


def differences(root: Path = ROOT) -> list[str]:
    """How exercises/ differs from what the solutions say, as lines of a diff; empty if it does not."""
    wanted = derived_pages(root)
    lines = []
    for path in sorted({*wanted, *(root / "exercises").rglob("*.md")}):
        there = path.read_text(encoding="utf-8") if path.exists() else ""
        name = path.relative_to(root).as_posix()
        lines += difflib.unified_diff(
            there.splitlines(), wanted.get(path, "").splitlines(), name, f"{name} (derived)", lineterm=""
        )
    return lines


def write(root: Path = ROOT) -> list[Path]:
    """Write exercises/ anew, remove pages without a solution, and return what changed."""
    wanted = derived_pages(root)
    changed = []
    for path in (root / "exercises").rglob("*.md"):
        if path not in wanted:
            path.unlink()
            changed.append(path)
    for path, text in wanted.items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            changed.append(path)
    return changed


def main(arguments: list[str] | None = None) -> int:
    """Write the exercises, or check them."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--root", type=Path, default=ROOT, help="the checkout")
    parser.add_argument("--check", action="store_true", help="write nothing; end with 1 and a diff if they differ")
    options = parser.parse_args(arguments)
    root = options.root.resolve()
    try:
        if options.check:
            lines = differences(root)
            print("\n".join(lines) if lines else "the exercises are as the solutions say")
            return 1 if lines else 0
        for path in write(root):
            print(f"changed {path.relative_to(root).as_posix()}")
    except PageError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
