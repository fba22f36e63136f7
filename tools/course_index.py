"""What a page may point to: other pages, their labels, references, and values of the last build."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

import yaml
from course_pages import ROOT, all_pages, split_header

LABEL = re.compile(r"^\(([^()\s]+)\)=\s*$")


@dataclass
class Course:
    """What a page needs to know of the rest: titles, labels, references, values of the last build."""

    root: Path = ROOT
    values: Path | None = None  # folder of the executed build's *.glue.json files

    def __post_init__(self) -> None:
        if self.values is None:
            self.values = self.root / "_build" / "jupyter_execute"

    @cached_property
    def repository(self) -> str:
        """``URL.git@branch`` of the repository, which stands only in ``_config.yml``."""
        config = yaml.safe_load((self.root / "_config.yml").read_text(encoding="utf-8"))
        repository = config["repository"]
        return f"{repository['url'].rstrip('/')}.git@{repository.get('branch', 'main')}"

    @cached_property
    def pages(self) -> dict[str, str]:
        """The text of every page by its path from the root, with forward slashes."""
        return {
            path.relative_to(self.root).as_posix(): path.read_text(encoding="utf-8") for path in all_pages(self.root)
        }

    @cached_property
    def labels(self) -> dict[str, tuple[str, str]]:
        """label -> (page, the title it stands for)."""
        found: dict[str, tuple[str, str]] = {}
        for page, text in self.pages.items():
            lines = split_header(text)[1]
            for index, line in enumerate(lines):
                if match := LABEL.match(line):
                    following = next((after for after in lines[index + 1 :] if after.strip()), "")
                    heading = re.match(r"^#+\s+(.*)$", following)
                    found[match[1]] = (page, heading[1] if heading else match[1])
                elif match := re.match(r"^:name:\s*(\S+)", line):
                    found[match[1]] = (page, match[1])
        return found

    @cached_property
    def references(self) -> dict[str, Reference]:
        """The entries of ``book/references.bib`` by key."""
        path = self.root / "book" / "references.bib"
        return read_references(path) if path.exists() else {}

    def title(self, page: str) -> str:
        """A page's first heading."""
        for line in split_header(self.pages[page])[1]:
            if match := re.match(r"^#\s+(.*)$", line):
                return match[1]
        return PurePosixPath(page).stem

    def value(self, page: str, key: str) -> dict | None:
        """What the last build glued under ``key`` on ``page``, as a MIME bundle; None before any build."""
        document, _, own = key.rpartition("::")
        if document:  # with its suffix, or the book does not find it
            page = normal(PurePosixPath(page).parent / document)
        path = self.values / f"{page.removesuffix('.md')}.glue.json"
        if not path.exists():
            return None
        glued = json.loads(path.read_text(encoding="utf-8")).get(own)
        return glued["data"] if glued else None


@dataclass(frozen=True)
class Reference:
    """One entry of the bibliography, as a citation needs it."""

    names: str
    year: str
    url: str = ""

    def cite(self, style: str) -> str:
        """``"t"``: Ada and Bob (1999); ``"p"``: Ada and Bob, 1999. Linked where there is a link."""
        text = f"{self.names} ({self.year})" if style == "t" else f"{self.names}, {self.year}"
        return f"[{text}]({self.url})" if self.url else text


def read_references(path: Path) -> dict[str, Reference]:
    """The references of a BibTeX file by key."""
    from pybtex.database import parse_file

    return {key: _reference(entry) for key, entry in parse_file(str(path)).entries.items()}


def _reference(entry) -> Reference:
    people = entry.persons.get("author") or entry.persons.get("editor") or []
    names = [" ".join([*person.prelast_names, *person.last_names]).strip("{}") for person in people]
    if len(names) > 2:
        names = [f"{names[0]} et al."]
    doi, url = entry.fields.get("doi"), entry.fields.get("url", "")
    who = " and ".join(names) or entry.fields.get("title", entry.key).replace("{", "").replace("}", "")
    year = entry.fields.get("year") or entry.fields.get("date", "no date")[:4]
    return Reference(who, year, f"https://doi.org/{doi}" if doi else url)


def normal(path: PurePosixPath) -> str:
    """A path without ``..`` in its middle."""
    return PurePosixPath(os.path.normpath(path)).as_posix()
