"""Turn the MyST of notebook pages into Markdown that every notebook program shows as it is meant.

A closed set of directives and roles is known; anything else is refused by file and line.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from course_index import LABEL, Course, normal
from course_pages import Block, PageError, blocks, is_notebook

ADMONITIONS = {
    "note": "Note",
    "tip": "Tip",
    "warning": "Warning",
    "important": "Important",
    "admonition": None,
}
NO_VALUE = "(run this page to see the number)"

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
        quoted = [f"**{self.line(title, block.line)}**", "", *trimmed(body)]
        return [f"> {line}".rstrip() for line in quoted]

    def dropdown(self, block: Block) -> list[str]:
        """A fold."""
        title = self.line(block.argument, block.line) or "More"
        body = trimmed(self.markdown(block.body, block.body_line))
        return ["<details>", f"<summary>{title}</summary>", "", *body, "", "</details>"]

    def figure(self, block: Block) -> list[str]:
        """The image, and the caption under it in a paragraph of its own."""
        alt = str(block.options.get("alt") or "").strip()
        if not alt:
            self.refuse(block.line, "a figure needs an alt text")
        caption = trimmed(self.markdown(block.body, block.body_line))
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
        text = "\n".join("\1" if LABEL.match(line) or line.startswith("%") else line for line in lines)
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
        page = normal(base / target.lstrip("/")) + ".md"
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
        path = normal(base / target.lstrip("/"))
        if not (self.course.root / path).exists():
            self.refuse(line, f"there is no file {path}")
        return self.relative(path)

    def relative(self, path: str) -> str:
        return PurePosixPath(os.path.relpath(path, PurePosixPath(self.page).parent)).as_posix()


def trimmed(lines: list[str]) -> list[str]:
    """Without blank lines at either end."""
    return "\n".join(lines).strip("\n").split("\n") if any(lines) else []
