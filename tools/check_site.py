"""Look through the built site for what a browser would not complain about.

    python tools/check_site.py [_build/html]

Each check takes the site's folder and returns one line for each fault.
"""

import re
import sys
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import yaml
from course_pages import code_cells, notebook_pages

ROOT = Path(__file__).resolve().parents[1]
PICTURE_NAME = re.compile(r"\.(png|svg|jpe?g|gif|webp)$", re.IGNORECASE)
CSS_ADDRESS = re.compile(r"""(?:url\(\s*|@import\s+)["']?([^"')\s]+)""")


class Page(HTMLParser):
    """The elements of an HTML page and the places in it that a link can name."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.style = ""
        self.feed(text)
        self.anchors = {attributes.get(name) for _, attributes in self.elements for name in ("id", "name")}

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attributes}))

    def handle_data(self, data: str) -> None:
        if self.elements and self.elements[-1][0] == "style":
            self.style += data

    def links(self) -> list[str]:
        return [attributes["href"] for tag, attributes in self.elements if tag == "a" and "href" in attributes]


@cache
def read_page(path: Path) -> Page:
    return Page(path.read_text(encoding="utf-8"))


def pages(site: Path) -> list[Path]:
    """The site's HTML pages, without the theme's templates in _static."""
    return sorted(path for path in site.rglob("*.html") if path.relative_to(site).parts[0] not in ("_static", "lite"))


def images_without_alt_text(site: Path) -> list[str]:
    """Pictures that say nothing to a reader who cannot see them.

    The name of the file, which Sphinx writes where the author gave no text, says nothing.
    """
    faults = []
    for path in pages(site):
        for tag, attributes in read_page(path).elements:
            text = attributes.get("alt", "").strip()
            if tag == "img" and (not text or PICTURE_NAME.search(text)):
                faults.append(f"{path.relative_to(site)}: no alt text for {attributes.get('src', '')[:80]}")
    return faults


def missing_figures(site: Path, root: Path) -> list[str]:
    """Figures that a cell of the book promises, by their alternative text, and its built page does not show."""
    faults = []
    for source in notebook_pages(root):
        name = source.relative_to(root).with_suffix("")
        if name.parts[0] != "book":
            continue  # exercises and solutions are built without running them
        elements = read_page(site / f"{name}.html").elements
        shown = {attributes.get("alt") for tag, attributes in elements if tag == "img"}
        for cell in code_cells(source.read_text(encoding="utf-8"), name):
            promised = cell.options.get("mystnb", {}).get("image", {}).get("alt")
            if promised and promised not in shown:
                faults.append(f"{name.as_posix()}: no figure comes out of the cell in line {cell.line}")
    return faults


def _is_foreign(address: str) -> bool:
    return address.startswith("//") or urlsplit(address).scheme in ("http", "https", "ws", "wss")


def _loaded_addresses(page: Page) -> list[str]:
    """What a browser fetches without a click (scripts aside: those are run in the browser test)."""
    addresses = CSS_ADDRESS.findall(page.style)
    for tag, attributes in page.elements:
        names = [
            "src",
            "poster",
            "data",
            *(["href", "xlink:href"] if tag in ("link", "image", "use") else []),
        ]
        addresses += [attributes[name] for name in names if name in attributes]
        addresses += [part.split()[0] for part in attributes.get("srcset", "").split(",") if part.strip()]
        addresses += CSS_ADDRESS.findall(attributes.get("style", ""))
    return addresses


def foreign_resources(site: Path) -> list[str]:
    """What the pages and style sheets would fetch from another host."""
    loaded = {path: _loaded_addresses(read_page(path)) for path in pages(site)}
    for path in site.rglob("*.css"):
        if path.is_relative_to(site / "lite"):
            continue
        loaded[path] = CSS_ADDRESS.findall(path.read_text(encoding="utf-8"))
    return [
        f"{path.relative_to(site)}: asks {address}"
        for path, addresses in loaded.items()
        for address in addresses
        if _is_foreign(address)
    ]


def broken_links(site: Path) -> list[str]:
    """Links within the site whose file or place does not exist."""
    faults = []
    for path in pages(site):
        for link in read_page(path).links():
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.is_file():
                faults.append(f"{path.relative_to(site)}: no file for {link}")
                continue
            named = parts.fragment and target.suffix == ".html"
            if named and unquote(parts.fragment) not in read_page(target).anchors:
                faults.append(f"{path.relative_to(site)}: no such place {link}")
    return faults


def _launched_file(link: str, config: dict) -> str | None:
    """The repository path that a launch link opens; None when it opens something else."""
    owner_and_name = urlsplit(config["repository"]["url"]).path
    branch = config["repository"]["branch"]
    parts = urlsplit(link)
    if link.startswith(config["launch_buttons"]["colab_url"]):
        start = f"/github{owner_and_name}/blob/{branch}/"
        return parts.path.removeprefix(start) if parts.path.startswith(start) else None
    if parts.path != f"/v2/gh{owner_and_name}/{branch}":
        return None
    opened = parse_qs(parts.query).get("urlpath", [""])[0]
    return opened.removeprefix("lab/tree/") if opened.startswith("lab/tree/") else None


def broken_launch_links(site: Path, exported: Path, config: dict) -> list[str]:
    """Launch links that open no notebook of the exported tree, and pages that lack one.

    `exported` is a folder with the tree that the branch of notebooks holds; `config` is
    the content of _config.yml.
    """
    hosts = [config["launch_buttons"][name] for name in ("binderhub_url", "colab_url")]
    faults = []
    for path in pages(site):
        name = path.relative_to(site)
        links = [link for link in read_page(path).links() if link.startswith(tuple(hosts))]
        for link in links:
            file = _launched_file(link, config)
            if file is None or not file.endswith(".ipynb") or not (exported / file).is_file():
                faults.append(f"{name}: opens no exported notebook: {link}")
        if (exported / name).with_suffix(".ipynb").is_file():
            faults += [
                f"{name}: no launch link to {host}"
                for host in hosts
                if not any(link.startswith(host) for link in links)
            ]
    return faults


def main(arguments: list[str]) -> int:
    site = Path(arguments[0] if arguments else ROOT / "_build" / "html").resolve()
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    faults = [fault for check in (images_without_alt_text, foreign_resources, broken_links) for fault in check(site)]
    faults += broken_launch_links(site, ROOT, config) + missing_figures(site, ROOT)
    print("\n".join(faults) or f"{len(pages(site))} pages, no fault found")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
