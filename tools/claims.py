"""Write the page of claims from ``book/claims.toml``, and check the table.

    python tools/claims.py            write book/claims.md
    python tools/claims.py --check    end with 1 if the page or the table is wrong

Each claim of a paper names the page where we try it, the value that page glues, and the
test that holds it. Our figure is not in the table: the page of claims takes it from the run.
"""

from __future__ import annotations

import argparse
import math
import re
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import MISSING, dataclass, fields
from pathlib import Path

from course_pages import ROOT, code_cells, is_notebook

TABLE = Path("book") / "claims.toml"
PAGE = Path("book") / "claims.md"


@dataclass(frozen=True)
class Claim:
    """One claim of a paper and where the course tries it."""

    id: str
    source: str  # key in references.bib
    says: str  # what the paper claims, in Markdown
    page: str  # the page that tries it, from the root
    glue: str  # the key under which that page glues our figure
    test: str  # path::name of the test that holds it
    paper: float | None = None  # the paper's figure; without one, `low` or `high` say what agrees
    tolerance: float = 0.0  # our figure may differ by so much from the paper's
    low: float = -math.inf
    high: float = math.inf
    unit: str = ""
    format: str = "s"  # how our figure is shown, as in a format string

    def agrees(self, ours: float) -> bool:
        """Whether our figure is the paper's within the tolerance, and within the bounds."""
        near = self.paper is None or abs(ours - self.paper) <= self.tolerance
        return near and self.low <= ours <= self.high

    def agreement(self) -> str:
        """What counts as agreement, in words.

        >>> Claim("a", "k", "s", "p", "g", "t", paper=7).agreement()
        'equal'
        >>> Claim("a", "k", "s", "p", "g", "t", low=0.5).agreement()
        'at least 0.5'
        """
        parts = []
        if self.paper is not None:
            parts.append(f"± {self.tolerance:g}" if self.tolerance else "equal")
        if self.low > -math.inf:
            parts.append(f"at least {self.low:g}")
        if self.high < math.inf:
            parts.append(f"at most {self.high:g}")
        return ", ".join(parts)


@dataclass(frozen=True)
class Unreached:
    """A claim that we do not reach, or did not try, and why."""

    id: str
    source: str
    says: str
    why: str
    page: str = ""  # the page that glues what we got; without one, it was not tried
    glue: str = ""
    format: str = "s"


def read_unreached(text: str) -> list[Unreached]:
    """The claims of the table that are not reached; refuses what `read_claims` refuses.

    >>> read_unreached('[[unreached]]\\nid = "a"\\nsource = "k"\\nsays = "s"\\nwhy = "w"')[0].why
    'w'
    """
    known = {field.name for field in fields(Unreached)}
    rows = tomllib.loads(text).get("unreached", [])
    for row in rows:
        name = row.get("id", "without an id")
        if wrong := (set(row) - known) | ({"id", "source", "says", "why"} - set(row)):
            raise ValueError(f"unreached {name}: unknown or missing {', '.join(sorted(wrong))}")
        if ("page" in row) != ("glue" in row):
            raise ValueError(f"unreached {name}: page and glue belong together")
    return [Unreached(**row) for row in rows]


def read_claims(text: str) -> list[Claim]:
    """The claims of the table.

    Raises
    ------
    ValueError
        naming the claim, for a field that is unknown, missing or of the wrong type, two
        claims with one id, or a claim without anything our figure could disagree with.
    """
    known = {field.name: field for field in fields(Claim)}
    required = {name for name, field in known.items() if field.default is MISSING}
    claims: list[Claim] = []
    for row in tomllib.loads(text).get("claim", []):
        name = row.get("id", "without an id")
        if wrong := (set(row) - set(known)) | (required - set(row)):
            raise ValueError(f"claim {name}: unknown or missing {', '.join(sorted(wrong))}")
        for key, value in row.items():
            number = key in ("paper", "tolerance", "low", "high")
            if isinstance(value, bool) or not isinstance(value, int | float if number else str):
                raise ValueError(f"claim {name}: {key} must be a {'number' if number else 'text'}")
        claim = Claim(**row)
        if not claim.agreement():
            raise ValueError(f"claim {name}: give paper, low or high, or any figure would agree")
        if claim.id in {other.id for other in claims}:
            raise ValueError(f"claim {name}: two claims have this id")
        claims.append(claim)
    return claims


def page_of(claims: Sequence[Claim], unreached: Sequence[Unreached] = ()) -> str:
    """The Markdown page of the claims; our figures are glued in by the build."""
    lines = [
        "# The papers' claims and ours",
        "",
        "% Written by `make claims` from claims.toml.",
        "",
        "Each row is a claim of a paper that this course tries again. Our figure comes from the run that",
        "built this page. A test fails when it leaves the range in the column *agrees if*. The last column",
        "gives that test's name and, in brackets, its file below `tests/`.",
        "",
        "| Source | The paper says | Paper | Ours | Agrees if | Tried in | Held by |",
        "|:--|:--|--:|--:|:--|:--|:--|",
    ]
    for claim in claims:
        unit = f" {claim.unit}" if claim.unit else ""
        paper = "–" if claim.paper is None else f"{claim.paper:,g}{unit}"
        cells = [
            f"{{cite:t}}`{claim.source}`",
            in_a_cell(claim.says),
            paper,
            our_figure(claim) + unit,
            claim.agreement(),
            f"{{doc}}`{document_of(claim)}`",
            words_of_test(claim.test),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    if unreached:
        lines += ["", "## Not reached, or not tried", "", "What the papers claim and this course cannot confirm.", ""]
        lines += ["| Source | The paper says | Ours | Why | Page |", "|:--|:--|--:|:--|:--|"]
    for claim in unreached:
        ours, page = ("not tried", "–") if not claim.page else (our_figure(claim), f"{{doc}}`{document_of(claim)}`")
        cells = [f"{{cite:t}}`{claim.source}`", in_a_cell(claim.says), ours, in_a_cell(claim.why), page]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def in_a_cell(text: str) -> str:
    """A text as it may stand in a cell of a Markdown table."""
    return text.replace("|", "\\|").replace("\n", " ").strip()


def document_of(claim: Claim | Unreached) -> str:
    """The page of a claim as the page of claims links it."""
    return claim.page.removeprefix("book/").removesuffix(".md")


def our_figure(claim: Claim | Unreached) -> str:
    """The role that puts the figure of the run where it stands."""
    return f"{{glue:text}}`{document_of(claim)}.md::{claim.glue}:{claim.format}`"


def words_of_test(test: str) -> str:
    """A test's name as words that a narrow column can break, and the file to find it in.

    >>> words_of_test("tests/reconstruction/test_encodings.py::test_its_best_database_is_one_cell_off")
    'its best database is one cell off (encodings)'
    """
    file, _, name = test.partition("::")
    return f"{name.removeprefix('test_').replace('_', ' ')} ({Path(file).stem.removeprefix('test_').replace('_', ' ')})"


def page_problems(claim: Claim | Unreached, text: str | None) -> list[str]:
    """What a claim's page lacks: the page itself, the glued key, an assert."""
    if text is None or not is_notebook(text):
        return [f"claim {claim.id}: there is no notebook page {claim.page}"]
    cells = code_cells(text, claim.page)
    problems = []
    pattern = re.compile(rf"\bglue\(\s*[\"']{re.escape(claim.glue)}[\"']")
    if not any(pattern.search("\n".join(cell.body)) for cell in cells if "book-only" in cell.tags):
        problems.append(f"claim {claim.id}: {claim.page} glues no {claim.glue!r} in a book-only cell")
    if not any(re.match(r"\s*assert\b", line) for cell in cells for line in cell.body):
        problems.append(f"claim {claim.id}: {claim.page} holds no assert")
    return problems


def value_problems(claims: Sequence[Claim], value: Callable[[Claim], float | None]) -> list[str]:
    """Which claims the run does not bear out; ``value`` gives our figure, None if the run has none."""
    problems = []
    for claim in claims:
        ours = value(claim)
        if ours is None:
            problems.append(f"claim {claim.id}: the run of {claim.page} gave no {claim.glue!r}")
        elif not claim.agrees(ours):
            wanted = claim.agreement() if claim.paper is None else f"{claim.paper:g}, {claim.agreement()}"
            problems.append(f"claim {claim.id}: ours is {ours:g}, the paper's {wanted}")
    return problems


def table_problems(claims: Sequence[Claim], unreached: Sequence[Unreached] = (), root: Path = ROOT) -> list[str]:
    """What is wrong with the table without running anything: pages, references, the generated page."""
    from course_index import read_references

    references = read_references(root / "book" / "references.bib")
    problems = [
        f"claim {claim.id}: {claim.source!r} is not in references.bib"
        for claim in (*claims, *unreached)
        if claim.source not in references
    ]
    for claim in (*claims, *(row for row in unreached if row.page)):
        path = root / claim.page
        problems += page_problems(claim, path.read_text(encoding="utf-8") if path.exists() else None)
    page = root / PAGE
    if not page.exists() or page.read_text(encoding="utf-8") != page_of(claims, unreached):
        problems.append(f"{PAGE.as_posix()} is not what {TABLE.as_posix()} says: run `make claims`")
    return problems


def glued_number(claim: Claim, values: Path) -> float | None:
    """Our figure as the last build glued it; ``values`` holds the build's ``*.glue.json`` files."""
    from course_index import Course

    data = Course(ROOT, values).value(claim.page, claim.glue)
    if data is None:
        return None
    try:
        return float(data.get("text/plain", "").strip("'\"").replace(",", ""))
    except ValueError:
        return math.nan


def main(arguments: list[str] | None = None) -> int:
    """Write the page, or check it and the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--root", type=Path, default=ROOT, help="the checkout")
    parser.add_argument("--check", action="store_true", help="write nothing; end with 1 if something is wrong")
    options = parser.parse_args(arguments)
    table = (options.root / TABLE).read_text(encoding="utf-8")
    claims, unreached = read_claims(table), read_unreached(table)
    if not options.check:
        (options.root / PAGE).write_text(page_of(claims, unreached), encoding="utf-8")
    problems = table_problems(claims, unreached, options.root)
    print(*problems, sep="\n", end="\n" if problems else "")
    return 1 if problems else 0


if __name__ == "__main__":
    raise SystemExit(main())
