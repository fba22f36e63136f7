"""Write an ``.ipynb`` beside every notebook page, for Jupyter, Binder and Colab.

    python tools/export_notebooks.py            beside the pages
    python tools/export_notebooks.py --to DIR   the same tree under DIR
    python tools/export_notebooks.py --list     print the notebooks' paths, write nothing

Outside the built book nobody understands MyST. So the directives and roles of a closed
set become plain Markdown, cells tagged ``book-only`` go, and a first cell installs the
course where it is missing. A directive or role outside the set is refused by file and line.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import sys
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath

import nbformat
import yaml
from course_pages import (
    FOLDERS,
    ROOT,
    Block,
    PageError,
    all_pages,
    blocks,
    is_notebook,
    notebook_pages,
    split_header,
)
from jupytext.myst import myst_to_notebook

ADMONITIONS = {
    "note": "Note",
    "tip": "Tip",
    "warning": "Warning",
    "important": "Important",
    "admonition": None,
}
NO_VALUE = "(run this page to see the number)"
INSTALL_CELL = """\
# Installs the course where it is missing (on Colab, say) and leaves everything else as it is.
import importlib.util, subprocess, sys
for module, source in {{"course_lib": "git+{url}", "z3": "z3-solver"}}.items():
    if importlib.util.find_spec(module) is None:
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", source]
        subprocess.run(command, check=True)
        importlib.invalidate_caches()"""

_LABEL = re.compile(r"^\(([^()\s]+)\)=\s*$")
_MATH = re.compile(r"\$\$.*?\$\$|(?<![\\$])\$[^$`]+\$", re.DOTALL)
_ROLE_OR_CODE = re.compile(
    r"(?:\{(?P<role>[A-Za-z][\w:.+-]*)\})?(?P<ticks>`+)(?P<content>(?:(?!\n\s*\n).)+?)(?<!`)(?P=ticks)(?!`)", re.DOTALL
)
_HIDDEN = re.compile("\0(\\d+)\0")
_LINK = re.compile(r"(?P<image>!?)\[(?P<text>[^\]]*)\]\((?P<target>[^()\s]+)(?P<title>\s+\"[^\"]*\")?\)")
_OUTSIDE = {
    "a substitution": re.compile(r"\{\{"),
    "a footnote": re.compile(r"\[\^[^\]]+\]"),
    "an attribute list": re.compile(r"\{[.#][^}\n]*\}"),
}


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
                if match := _LABEL.match(line):
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
            page = _normal(PurePosixPath(page).parent / document)
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


@dataclass
class Translator:
    """Turns one page's MyST into plain Markdown."""

    course: Course
    page: str  # from the root, with forward slashes
    hidden: list[tuple[str, str]] = field(default_factory=list)  # source and plain text behind each token

    def refuse(self, line: int, message: str):
        raise PageError(self.page, line, message)

    def markdown(self, lines: list[str], first_line: int) -> list[str]:
        """Plain Markdown for these lines of the page, the first of which is line ``first_line``."""
        result: list[str] = []
        for block in blocks(lines, first_line, self.page):
            if block.kind == "text":
                result += self.text(block.lines, block.line)
            elif block.kind == "fence":
                result += block.lines
            else:
                result += self.directive(block)
        return result

    def directive(self, block: Block) -> list[str]:
        """Plain Markdown for a directive of the closed set; any other is refused."""
        if block.name in ADMONITIONS:
            return self.admonition(block)
        method = {
            "dropdown": self.dropdown,
            "figure": self.figure,
            "math": lambda block: ["$$", *block.body, "$$"],
            "button-link": self.button_link,
        }.get(block.name)
        if block.name == "code-cell":
            self.refuse(block.line, "a code-cell inside another directive: the book does not run it, Jupyter does")
        if method is None:
            self.refuse(block.line, f"directive {block.name!r} is not one a notebook page may use")
        return method(block)

    def admonition(self, block: Block) -> list[str]:
        """A block quote with a bold title."""
        if block.name == "admonition":
            title, body = block.argument, self.markdown(block.body, block.body_line)
            if not title:
                self.refuse(block.line, "an admonition needs a title")
        else:
            title = ADMONITIONS[block.name]
            body = self.markdown(([block.argument] if block.argument else []) + block.body, block.body_line)
        quoted = [f"**{self.line(title, block.line)}**", "", *_trimmed(body)]
        return [f"> {line}".rstrip() for line in quoted]

    def dropdown(self, block: Block) -> list[str]:
        """A fold."""
        title = self.line(block.argument, block.line) or "More"
        body = _trimmed(self.markdown(block.body, block.body_line))
        return ["<details>", f"<summary>{title}</summary>", "", *body, "", "</details>"]

    def figure(self, block: Block) -> list[str]:
        """The image, and the caption under it in a paragraph of its own."""
        alt = str(block.options.get("alt") or "").strip()
        if not alt:
            self.refuse(block.line, "a figure needs an alt text")
        caption = _trimmed(self.markdown(block.body, block.body_line))
        return [f"![{alt}]({self.file(block.argument, block.line)})", *([""] if caption else []), *caption]

    def button_link(self, block: Block) -> list[str]:
        """An ordinary link."""
        text = " ".join(line.strip() for line in block.body).strip() or block.argument
        return [f"[{text}]({block.argument})"]

    def line(self, text: str, line: int) -> str:
        return "\n".join(self.text([text], line))

    def text(self, lines: list[str], first_line: int) -> list[str]:
        """Plain Markdown for lines without directives."""
        # Labels and comments go with their line, for which \1 stands until the end.
        text = "\n".join("\1" if _LABEL.match(line) or line.startswith("%") else line for line in lines)
        self.hidden = []
        text = _ROLE_OR_CODE.sub(lambda match: self.hide(match[0], self.role(match, first_line)), text)
        text = _MATH.sub(lambda match: self.hide(match[0], match[0]), text)
        for what, pattern in _OUTSIDE.items():
            if match := pattern.search(text):
                self.refuse(self.line_of(match, first_line), f"{what} is not one a notebook page may use")
        text = _LINK.sub(lambda match: self.link(match, first_line), text)
        while match := _HIDDEN.search(text):
            text = text.replace(match[0], self.hidden[int(match[1])][1])
        return re.sub("\1\n?", "", text).split("\n")

    def hide(self, source: str, plain: str) -> str:
        """A token that stands for ``plain`` while other rules look at the text around it."""
        self.hidden.append((source, plain))
        return f"\0{len(self.hidden) - 1}\0"

    def line_of(self, match: re.Match, first_line: int) -> int:
        """The line of the page on which a match begins."""
        before = match.string[: match.start()]
        while token := _HIDDEN.search(before):
            before = before.replace(token[0], self.hidden[int(token[1])][0])
        return first_line + before.count("\n")

    def role(self, match: re.Match, first_line: int) -> str:
        """Plain Markdown for a role of the closed set; any other is refused, code stays as it is."""
        role, content = match["role"], " ".join(match["content"].split())
        line = self.line_of(match, first_line)
        if role is None:
            return match[0]
        explicit = re.match(r"^(?P<text>.*?)\s*<(?P<target>[^<>]+)>$", content)
        text, target = (explicit["text"], explicit["target"]) if explicit else ("", content)
        if role in ("glue", "glue:text"):
            return self.glue(role, content, line)
        if role in ("cite", "cite:t", "cite:p"):
            return self.cite(role, content, line)
        if role == "term":
            return text or target
        if role == "math":
            return f"${content}$"
        if role == "doc":
            page = self.find(target, line)
            return f"[{text or self.course.title(page)}]({self.to_page(page)})"
        if role == "ref":
            return self.to_label(target, text, line)
        if role == "download":
            return f"[{text or PurePosixPath(target).name}]({self.file(target, line)})"
        self.refuse(line, f"role {role!r} is not one a notebook page may use")

    def glue(self, role: str, content: str, line: int) -> str:
        """The value of the last executed build, formatted as the book formats it."""
        key, style = content, "s"
        if role == "glue:text" and ":" in content:
            key, _, style = content.rpartition(":")
        if key.endswith(":"):  # the book, too, splits at the last colon
            self.refuse(line, f"glue from another page needs a format: {content + ':s'!r}")
        if "::" in key and not key.split("::")[0].endswith(".md"):
            self.refuse(line, f"glue from another page needs its suffix: {key.replace('::', '.md::')!r}")
        data = self.course.value(self.page, key)
        if data is None:
            return NO_VALUE
        from myst_nb.core.variables import format_plain_text

        plain = data.get("text/plain")
        if plain is None or plain.startswith("<"):
            self.refuse(line, f"glue {key!r} is no text: a notebook page can only take numbers and words from the run")
        return format_plain_text(plain, style)

    def cite(self, role: str, keys: str, line: int) -> str:
        """Authors and years, linked."""
        style = "p" if role == "cite:p" else "t"
        cited = []
        for key in (key.strip() for key in keys.split(",")):
            if key not in self.course.references:
                self.refuse(line, f"{key!r} is not in book/references.bib")
            cited.append(self.course.references[key].cite(style))
        return f"({'; '.join(cited)})" if style == "p" else ", ".join(cited)

    def link(self, match: re.Match, first_line: int) -> str:
        """A Markdown link whose target is found from the notebook."""
        text, target = match["text"], match["target"]
        line = self.line_of(match, first_line)
        title = match["title"] or ""
        if re.match(r"^[a-z][a-z0-9+.-]*:", target):
            return match[0]
        if match["image"]:
            return f"![{text}]({self.file(target, line)}{title})"
        path, _, anchor = target.partition("#")
        if not path:
            return self.to_label(anchor, text, line)
        if path.endswith(".md"):
            page = self.find(path, line)
            return f"[{text or self.course.title(page)}]({self.to_page(page)}{title})"
        return f"[{text or target}]({self.file(path, line)}{title})"

    def find(self, target: str, line: int) -> str:
        """The page a link means, as a path from the root."""
        target = target.removesuffix(".md")
        base = PurePosixPath("") if target.startswith("/") else PurePosixPath(self.page).parent
        page = _normal(base / target.lstrip("/")) + ".md"
        if page not in self.course.pages:
            self.refuse(line, f"there is no page {page}")
        return page

    def to_page(self, page: str) -> str:
        """A relative path to a page: its notebook where it has one."""
        path = self.relative(page)
        return path.removesuffix(".md") + ".ipynb" if is_notebook(self.course.pages[page]) else path

    def to_label(self, label: str, text: str, line: int) -> str:
        if label not in self.course.labels:
            self.refuse(line, f"there is no label {label!r}")
        page, title = self.course.labels[label]
        return (text or title) if page == self.page else f"[{text or title}]({self.to_page(page)})"

    def file(self, target: str, line: int) -> str:
        """A relative path to a file that must exist."""
        if re.match(r"^[a-z][a-z0-9+.-]*:", target):
            return target
        base = PurePosixPath("") if target.startswith("/") else PurePosixPath(self.page).parent
        path = _normal(base / target.lstrip("/"))
        if not (self.course.root / path).exists():
            self.refuse(line, f"there is no file {path}")
        return self.relative(path)

    def relative(self, path: str) -> str:
        return PurePosixPath(os.path.relpath(path, PurePosixPath(self.page).parent)).as_posix()


def _normal(path: PurePosixPath) -> str:
    return PurePosixPath(os.path.normpath(path)).as_posix()


def _trimmed(lines: list[str]) -> list[str]:
    """Without blank lines at either end."""
    return "\n".join(lines).strip("\n").split("\n") if any(lines) else []


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
            cell.source = "\n".join(_trimmed(translator.markdown(cell.source.splitlines(), start + 1)))
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
    options = parser.parse_args(arguments)
    root, target = options.root.resolve(), (options.to or options.root).resolve()
    pages = [path.relative_to(root).as_posix() for path in notebook_pages(root)]
    paths = {page: (target / page).with_suffix(".ipynb") for page in pages}
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
