"""Terms of the glossary: their definitions show where they are linked, and chapters link them."""

import re
import subprocess
import sys

import course_pages
import pytest
from course_pages import ROOT
from sphinx_terms import GLOSSARY, in_words

FEWEST = 5  # terms that a chapter links
ROLE = re.compile(r"\{term\}`(?:[^`<]*<)?([^`<>]+)>?`")


def terms():
    """The names in the glossary."""
    _, lines, first = course_pages.split_header((ROOT / GLOSSARY).read_text(encoding="utf-8"))
    (block,) = [block for block in course_pages.blocks(lines, first) if block.name == "glossary"]
    return {line for line in block.body if line and not line.startswith(" ")}


def linked(text):
    """The terms that a page links, in order; a name may run over the end of a line."""
    return [" ".join(name.split()) for name in ROLE.findall(text)]


def name(path):
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", course_pages.all_pages(), ids=name)
def test_only_terms_of_the_glossary_are_linked(path):
    known = {term.lower() for term in terms()}
    assert [term for term in linked(path.read_text(encoding="utf-8")) if term.lower() not in known] == []


@pytest.mark.parametrize("path", course_pages.chapters(), ids=name)
def test_a_chapter_links_its_terms_once(path):
    found = [term.lower() for term in linked(path.read_text(encoding="utf-8"))]
    assert len(set(found)) >= FEWEST
    assert sorted(found) == sorted(set(found)), "link a term where it is first used, and only there"


def test_roles_are_found():
    assert linked("{term}`row`, {term}`rows <row>` and {term}`shadow\nmodel`") == ["row", "row", "shadow model"]


@pytest.mark.parametrize(
    ("latex", "words"),
    [
        (r"p \circ m = p", "p ∘ m = p"),
        (r"e^{\varepsilon}", "e^ε"),
        (r"(1 + \text{train accuracy})/2", "(1 + train accuracy)/2"),
        (r"p - \operatorname{onehot}(y)", "p - onehot(y)"),
        (r"\log(p_y / (1 - p_y))", "log(p_y / (1 - p_y))"),
        (r"x \ne y", r"x \ne y"),  # unknown: definitions() warns of what keeps its backslash
    ],
)
def test_formulas_in_words(latex, words):
    assert in_words(latex) == words


@pytest.fixture
def small_book(tmp_path):
    """A glossary, a page that links a term, and a function that builds them and gives the page."""
    book = tmp_path / "book"
    book.mkdir()
    (tmp_path / "conf.py").write_text(
        f"import sys\nsys.path.insert(0, {str(ROOT / 'tools')!r})\n"
        "extensions = ['myst_parser', 'sphinx_terms']\nmyst_enable_extensions = ['dollarmath']\n"
        "root_doc = 'book/page'\nhtml_theme = 'basic'\nsuppress_warnings = ['toc']\n"
    )
    (book / "page.md").write_text(
        "# Page\n\n```{toctree}\nglossary\n```\n\nA {term}`kernel`, two {term}`kernels <kernel>`.\n"
    )

    def build(definition):
        (book / "glossary.md").write_text(f"# Glossary\n\n```{{glossary}}\nkernel\n  {definition}\n```\n")
        command = [sys.executable, "-m", "sphinx", "-q", "-W", "-n", str(tmp_path), str(tmp_path / "html")]
        done = subprocess.run(command, capture_output=True, text=True)
        page = tmp_path / "html" / "book" / "page.html"
        return done.stderr or page.read_text(encoding="utf-8")

    return build


def test_a_link_shows_the_definition_of_today(small_book):
    page = small_book("The pairs with *equal* outputs: $f \\sqsubseteq g$.")
    assert page.count('title="The pairs with equal outputs: f ⊑ g."') == 2
    assert small_book("Something else.").count('title="Something else."') == 2  # the page itself has not changed


def test_a_formula_without_words_fails_the_build(small_book):
    assert "no words for a formula in: Any \\aleph." in small_book("Any $\\aleph$.")


def test_the_built_chapters_show_definitions(site):
    for path in course_pages.chapters():
        page = (site / path.relative_to(ROOT)).with_suffix(".html").read_text(encoding="utf-8")
        links = re.findall(r'<a [^>]*href="[^"]*glossary\.html#term-[^>]*>', page)
        assert len(links) >= FEWEST, name(path)
        assert [link for link in links if not re.search(r'title="[^"]{15,}"', link)] == [], name(path)
