"""What a page must hold, as functions that take its text and return what is wrong with it.

Each problem is one line of text; an empty list means that nothing was found.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from course_pages import Block, blocks, code_cells, split_header

HEADINGS = [
    "At a glance",
    "Story",
    "Threat model",
    "The idea",
    "The code",
    "Run",
    "Where it fails",
    "The paper and us",
    "Defence",
    "Exercises",
    "Summary",
    "Further reading",
]
LONGEST_CELL = 12
LONGEST_LINE = 80  # what a page shows beside both side bars without scrolling
FEWEST_EXERCISES = 4
EXERCISE_KINDS = ("by hand", "code", "break it", "defend")

_PLOTS = re.compile(r"\bplot\w*\(|\bplt\.|\.(?:plot|imshow|bar|barh|scatter|hist|matshow|pcolormesh)\(")
_CITE = re.compile(r"\{cite(?::[tp])?\}`")
_FILLER = re.compile(r"\b(simply|obviously|just)\b", re.IGNORECASE)
_MEASURED = re.compile(r"(?<![\w.])(?:\d+\.\d+|\d+(?:\.\d+)?\s*(?:%|per cent))")


def parts(text: str) -> list[Block]:
    """All blocks of the page."""
    _, lines, first = split_header(text)
    return list(blocks(lines, first))


def sections(text: str) -> dict[str, list[Block]]:
    """The blocks under each level-2 heading; text blocks are cut at the headings."""
    found: dict[str, list[Block]] = {}
    name = ""
    for block in parts(text):
        if block.kind != "text":
            found.setdefault(name, []).append(block)
            continue
        lines: list[str] = []
        start = block.line
        for number, line in enumerate(block.lines, start=block.line):
            if line.startswith("## "):
                if lines:
                    found.setdefault(name, []).append(Block("text", start, lines))
                name, lines, start = line.removeprefix("## ").strip(), [], number + 1
                found.setdefault(name, [])
            else:
                lines.append(line)
        if lines:
            found.setdefault(name, []).append(Block("text", start, lines))
    return found


def prose(found: list[Block]) -> str:
    """The words of blocks, directives included, without code and mathematics."""
    lines = [
        line
        for block in found
        if block.kind != "fence" and block.name not in ("code-cell", "math")
        for line in block.lines
    ]
    text = re.sub(r"\$\$.*?\$\$|\$[^$\n]+\$", "", "\n".join(lines), flags=re.DOTALL)
    return re.sub(r"(\{[\w:]+\})?(`+).+?\2", lambda match: match[0] if match[1] else "", text)


def heading_problems(text: str) -> list[str]:
    """The twelve headings stand once each and in order."""
    found = [name for name in sections(text) if name]
    if found == HEADINGS:
        return []
    missing = [name for name in HEADINGS if name not in found]
    extra = [name for name in found if name not in HEADINGS]
    problems = [f"heading missing: {name}" for name in missing] + [
        f"heading not in the template: {name}" for name in extra
    ]
    return problems or ["the headings are not in the template's order"]


def glance_problems(text: str) -> list[str]:
    """*At a glance* names three to five abilities, needs, reading and run time, and the paper."""
    found = prose(sections(text).get("At a glance", []))
    problems = [
        f"At a glance does not say: {words}" for words in ("you need", "reading", "run") if words not in found.lower()
    ]
    if not _CITE.search(found):
        problems.append("At a glance cites no paper")
    after = re.split(r"you will be able to", found, flags=re.IGNORECASE)[1:]
    items = re.match(r"[^\n]*\n+((?:[ \t]*[-*] [^\n]*\n?(?:[ \t]+[^\n]*\n)*)+)", after[0]) if after else None
    count = len(re.findall(r"^[ \t]*[-*] ", items[1], re.MULTILINE)) if items else 0
    if not 3 <= count <= 5:
        problems.append(f"At a glance lists {count} things you will be able to do, not 3 to 5")
    return problems


def prediction_problems(text: str) -> list[str]:
    """At least two predictions, each before the code cell that answers it."""
    found = parts(text)
    places = [
        index
        for index, block in enumerate(found)
        if block.name == "admonition" and block.argument.startswith("Predict")
    ]
    problems = [] if len(places) >= 2 else [f"{len(places)} predictions, not at least 2"]
    for place, following in zip(places, [*places[1:], len(found)], strict=True):
        if not any(block.name == "code-cell" for block in found[place:following]):
            problems.append(f"line {found[place].line}: no code cell answers this prediction")
    return problems


def cell_problems(text: str) -> list[str]:
    """Cells and their lines are short, glue stands in ``book-only`` cells, a sentence stands between two cells."""
    problems = []
    for cell in code_cells(text):
        if len(cell.body) > LONGEST_CELL and "book-only" not in cell.tags:
            problems.append(f"line {cell.line}: the cell has {len(cell.body)} lines, more than {LONGEST_CELL}")
        for number, line in enumerate(cell.body, start=1):
            if len(line) > LONGEST_LINE and "book-only" not in cell.tags:
                problems.append(f"line {cell.line}: line {number} of the cell has {len(line)} characters")
        if re.search(r"\bglue\b", "\n".join(cell.body)) and "book-only" not in cell.tags:
            problems.append(f"line {cell.line}: glue outside a cell tagged book-only")
        if "timing" in cell.tags and any(re.match(r"\s*assert\b", line) for line in cell.body):
            problems.append(f"line {cell.line}: a cell tagged timing holds an assert")
    previous = None
    for block in parts(text):
        if block.kind == "text" and not "".join(block.lines).strip():
            continue
        if block.name == "code-cell" and {"book-only", "remove-input", "remove-cell"} & set(block.tags):
            continue
        if block.name == "code-cell" and previous == "code-cell":
            problems.append(f"line {block.line}: no sentence between this cell and the one before")
        previous = block.name
    return problems


def assert_problems(text: str) -> list[str]:
    """At least one claim of the page is an assert."""
    held = any(re.match(r"\s*assert\b", line) for cell in code_cells(text) for line in cell.body)
    return [] if held else ["no cell holds an assert"]


def alt_problems(text: str) -> list[str]:
    """Every picture has an alt text: figures, Markdown images, and what code cells draw."""
    problems = []
    for block in _nested(parts(text)):
        if block.name == "figure" and not str(block.options.get("alt") or "").strip():
            problems.append(f"line {block.line}: a figure without alt text")
        if block.name == "code-cell" and _PLOTS.search("\n".join(block.body)) and "book-only" not in block.tags:
            image = (block.options.get("mystnb") or {}).get("image") or {}
            if not str(image.get("alt") or "").strip():
                problems.append(f"line {block.line}: a cell that draws has no mystnb.image.alt")
        if block.kind == "text" and re.search(r"!\[\s*\]\(", "\n".join(block.lines)):
            problems.append(f"line {block.line}: an image without alt text")
    return problems


def _nested(found: list[Block]) -> list[Block]:
    """Blocks and the blocks inside directives."""
    result = []
    for block in found:
        result.append(block)
        if block.kind == "directive" and block.name not in ("code-cell", "math"):
            result += _nested(list(blocks(block.body, block.body_line)))
    return result


def number_problems(text: str) -> list[str]:
    """Decimals and percentages in the prose of a run come by glue, or their paragraph cites a source."""
    problems = []
    for name in ("Run", "Where it fails", "Defence", "Summary"):
        for block in sections(text).get(name, []):
            if block.kind == "fence" or block.name in ("code-cell", "math"):
                continue
            for paragraph in re.split(r"\n\s*\n", prose([block])):
                if not _CITE.search(paragraph) and (match := _MEASURED.search(paragraph)):
                    problems.append(f"{name}: {match[0]!r} is neither glued nor in a paragraph that cites its source")
    return problems


def section_problems(text: str) -> list[str]:
    """*Where it fails* and *Defence* run code; *The paper and us* is a table; *Summary* has three lines."""
    found, problems = sections(text), []
    for name in ("Run", "Where it fails", "Defence"):
        if not any(block.name == "code-cell" for block in found.get(name, [])):
            problems.append(f"{name}: no code cell")
    compared = "\n".join(line for block in found.get("The paper and us", []) for line in block.lines)
    if "|" not in compared or "{glue" not in compared or not _CITE.search(compared):
        problems.append("The paper and us: needs a table with a glued figure of ours and a citation")
    if not _CITE.search(prose(found.get("Threat model", []))):
        problems.append("Threat model: cites no law, policy or paper")
    if len(re.findall(r"^\s*(?:[-*]|\d+\.) ", prose(found.get("Summary", [])), re.MULTILINE)) != 3:
        problems.append("Summary: not three points")
    return problems


def wording_problems(text: str) -> list[str]:
    """Words the course does without."""
    return [f"filler: {match[0]!r}" for match in _FILLER.finditer(prose(parts(text)))]


def link_problems(text: str, page: str) -> list[str]:
    """The chapter's *Exercises* link the exercise page of the same name."""
    wanted = PurePosixPath(page).relative_to("book").with_suffix("").as_posix()
    section = "\n".join(line for block in sections(text).get("Exercises", []) for line in block.lines)
    return [] if f"exercises/{wanted}" in section else [f"Exercises: no link to exercises/{wanted}"]


def exercise_problems(text: str) -> list[str]:
    """A page of solutions or exercises: four kinds of exercise, each timed, hinted and checked.

    A heading reads ``## Exercise 1: the title (by hand, 10 minutes, easy)``.
    """
    problems, kinds = [], set()
    found = {name: section for name, section in sections(text).items() if name.startswith("Exercise ")}
    if len(found) < FEWEST_EXERCISES:
        problems.append(f"{len(found)} exercises, not at least {FEWEST_EXERCISES}")
    for number, (name, section) in enumerate(found.items(), start=1):
        head = re.fullmatch(r"Exercise (\d+): .+ \(([a-z ]+), (\d+) minutes, (easy|medium|hard)\)", name)
        if not head or int(head[1]) != number:
            problems.append(f"{name!r} is not like 'Exercise {number}: title (code, 10 minutes, easy)'")
            continue
        kinds.add(head[2])
        hints = [block for block in section if block.name == "dropdown" and block.argument.startswith("Hint")]
        if len(hints) != 1:
            problems.append(f"exercise {number}: {len(hints)} folded hints, not 1")
        if not any(f"exercise_{number}(" in "\n".join(block.body) for block in section if block.name == "code-cell"):
            problems.append(f"exercise {number}: no cell calls its check")
    problems += [f"no exercise of the kind {kind!r}" for kind in EXERCISE_KINDS if found and kind not in kinds]
    return problems


CHAPTER_CHECKS = (
    heading_problems,
    glance_problems,
    prediction_problems,
    section_problems,
    number_problems,
)
NOTEBOOK_CHECKS = (cell_problems, alt_problems, wording_problems)
