"""On paper a page stands alone: no bars, no buttons, nothing folded, dark on white."""

import pytest

BESIDE_THE_PAGE = (
    ".bd-sidebar-primary", ".bd-sidebar-secondary", ".bd-header-article", ".bd-footer-content",
    ".prev-next-footer", ".copybtn", ".headerlink", ".dropdown-launch-buttons", "#pst-back-to-top",
)  # fmt: skip
VISIBLE = "selector => [...document.querySelectorAll(selector)].filter(e => e.getClientRects().length).length"
FOLDED = "() => document.querySelectorAll('details:not([open])').length"
INK = "() => getComputedStyle(document.querySelector('article p')).color"


@pytest.fixture
def page(site, browser):
    """A page with folds, in the dark, before anybody prints it."""
    context = browser.new_context(color_scheme="dark")
    tab = context.new_page()
    tab.goto((site / "exercises" / "reconstruction" / "rebuilding_a_block.html").as_uri())
    yield tab
    context.close()


def luminance(colour):
    return sum(map(int, colour.removeprefix("rgb(").removesuffix(")").split(","))) / 3


def test_what_stands_beside_the_page_is_not_printed(page):
    on_screen = [name for name in BESIDE_THE_PAGE if page.evaluate(VISIBLE, name)]
    assert {".bd-sidebar-primary", ".bd-header-article"} <= set(on_screen)  # or nothing would be shown here
    page.emulate_media(media="print")
    assert [name for name in BESIDE_THE_PAGE if page.evaluate(VISIBLE, name)] == []
    assert page.evaluate(VISIBLE, "article h2") >= 4


def test_folds_open_and_the_dark_turns_light_for_the_printer_only(page):
    folded, ink = page.evaluate(FOLDED), page.evaluate(INK)
    assert folded >= 4 and luminance(ink) > 150
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate(FOLDED) == 0
    assert luminance(page.evaluate(INK)) < 80
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert (page.evaluate(FOLDED), page.evaluate(INK)) == (folded, ink)
    assert page.pdf(format="A4").startswith(b"%PDF")


def test_the_site_has_a_mark_of_its_own(site):
    page = (site / "book" / "intro.html").read_text(encoding="utf-8")
    assert 'rel="icon" href="../_static/favicon.svg"' in page
    assert "../_static/logo.svg" in page
    assert all((site / "_static" / name).is_file() for name in ("favicon.svg", "logo.svg"))
