"""Read the course's pages: which there are, their headers, and their blocks with line numbers.

Shared by the tools and by the tests of pages. A page is MyST Markdown under one of
``FOLDERS``; it is a notebook page when its YAML header has a ``jupytext`` key.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("book", "exercises", "solutions")

_FENCE = re.compile(r"^(?P<indent>\s*)(?P<fence>`{3,}|~{3,}|:{3,})\s*(?:\{(?P<name>[^}]*)\})?(?P<rest>.*)$")


class PageError(ValueError):
    """A page holds something the course's tools refuse; the message starts ``file:line``."""

    def __init__(self, page: str | Path, line: int, message: str) -> None:
        super().__init__(f"{page}:{line}: {message}")


@dataclass(frozen=True)
class Block:
    """A run of lines of a page: text, a plain fence, or a directive."""

    kind: str  # "text", "fence" or "directive"
    line: int  # of its first line in the file, counted from 1
    lines: list[str]  # all of it, fences included
    name: str = ""
    argument: str = ""
    options: dict = field(default_factory=dict)
    body: list[str] = field(default_factory=list)
    body_line: int = 0

    @property
    def tags(self) -> list[str]:
        """The tags of a code cell."""
        tags = self.options.get("tags") or []
        return [tags] if isinstance(tags, str) else list(tags)


def split_header(text: str) -> tuple[dict, list[str], int]:
    """The YAML header, the lines after it, and the line number of the first of them.

    >>> split_header("---\\ntitle: A\\n---\\nText")
    ({'title': 'A'}, ['Text'], 4)
    >>> split_header("Text")
    ({}, ['Text'], 1)
    """
    lines = text.splitlines()
    if lines and lines[0].rstrip() == "---":
        for number, line in enumerate(lines[1:], start=1):
            if line.rstrip() == "---":
                return yaml.safe_load("\n".join(lines[1:number])) or {}, lines[number + 1 :], number + 2
    return {}, lines, 1


def is_notebook(text: str) -> bool:
    """Whether a page's text is a notebook page.

    >>> is_notebook("---\\njupytext: {}\\n---\\n"), is_notebook("# Notation")
    (True, False)
    """
    return "jupytext" in split_header(text)[0]


def all_pages(root: Path = ROOT) -> list[Path]:
    """Every Markdown page of the course, sorted."""
    found = [path for folder in FOLDERS for path in (root / folder).rglob("*.md")]
    return sorted(path for path in found if "_static" not in path.parts and ".ipynb_checkpoints" not in path.parts)


def notebook_pages(root: Path = ROOT) -> list[Path]:
    """Every page that is executed, sorted."""
    return [path for path in all_pages(root) if is_notebook(path.read_text(encoding="utf-8"))]


def chapters(root: Path = ROOT) -> list[Path]:
    """The chapters: the notebook pages of the book's parts, without primers and labs."""
    book = root / "book"
    inside = [path for path in notebook_pages(root) if path.is_relative_to(book)]
    return [path for path in inside if path.parent not in (book, book / "primers", book / "labs")]


def blocks(lines: Sequence[str], first_line: int = 1, page: str | Path = "page") -> Iterator[Block]:
    """Cut lines into text, plain fences and directives; what is inside a directive stays in its body.

    >>> found = list(blocks(["Look.", "", ":::{note} Title", "Inside.", ":::"]))
    >>> [(block.kind, block.line, block.name, block.body) for block in found]
    [('text', 1, '', []), ('directive', 3, 'note', ['Inside.'])]
    """
    text: list[str] = []
    index = 0
    while index < len(lines):
        opening = _FENCE.match(lines[index])
        if not opening or ("`" in opening["rest"] and opening["fence"][0] == "`"):
            text.append(lines[index])
            index += 1
            continue
        if text:
            yield Block("text", first_line + index - len(text), text)
            text = []
        end = _closing(lines, index, opening["fence"])
        if end is None:
            raise PageError(page, first_line + index, f"this fence is never closed: {lines[index].strip()}")
        yield _fenced_block(lines[index : end + 1], opening, first_line + index, page)
        index = end + 1
    if text:
        yield Block("text", first_line + index - len(text), text)


def _closing(lines: Sequence[str], start: int, fence: str) -> int | None:
    for index in range(start + 1, len(lines)):
        line = lines[index].strip()
        if line and set(line) == {fence[0]} and len(line) >= len(fence):
            return index
    return None


def _fenced_block(lines: list[str], opening: re.Match, line: int, page: str | Path) -> Block:
    if opening["name"] is None:
        if opening["fence"][0] == ":":
            raise PageError(page, line, "a colon fence needs a directive's name in braces")
        return Block("fence", line, list(lines), body=list(lines[1:-1]), body_line=line + 1)
    if opening["indent"]:
        raise PageError(page, line, f"directive {opening['name']!r} must start at the left margin")
    try:
        options, used = _options(lines[1:-1])
    except yaml.YAMLError as error:
        raise PageError(page, line, f"the options of {opening['name']!r} are no valid YAML: {error}") from error
    return Block(
        "directive",
        line,
        list(lines),
        name=opening["name"].strip(),
        argument=opening["rest"].strip(),
        options=options,
        body=list(lines[1 + used : -1]),
        body_line=line + 1 + used,
    )


def _options(body: Sequence[str]) -> tuple[dict, int]:
    """A directive's options (a ``---`` block or ``:key: value`` lines) and how many lines they take."""
    if body and body[0].rstrip() == "---":
        for index in range(1, len(body)):
            if body[index].rstrip() == "---":
                return yaml.safe_load("\n".join(body[1:index])) or {}, index + 1
    used = 0
    while used < len(body) and re.match(r"^:[\w-]+:", body[used]):
        used += 1
    options = {}
    for line in body[:used]:
        key, _, value = line[1:].partition(":")
        value = value.strip()
        options[key] = yaml.safe_load(value) if value.startswith(("[", "{")) else value
    return options, used


def code_cells(text: str, page: str | Path = "page") -> list[Block]:
    """The code cells of a page, in order."""
    _, lines, first = split_header(text)
    return [block for block in blocks(lines, first, page) if block.name == "code-cell"]
