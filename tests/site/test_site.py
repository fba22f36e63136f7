"""The built site, page by page: what it holds, and what a real browser makes of it."""

import subprocess
import sys
from pathlib import Path

import check_site
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
NARROW = 360  # px, a small phone
# Rules of axe that pages may break because the theme does. Empty: tools/sphinx_course.py
# and book/_templates repair what the theme leaves.
ALLOWED_VIOLATIONS: set[str] = set()


def assert_none(faults):
    """Show every fault when there is one: pytest would shorten the list."""
    assert not faults, "\n".join(["", *faults])


def pages_of_contents(entries: list) -> list[str]:
    """The files that a list of _toc.yml names, those of nested sections included."""
    names = [entry["file"] for entry in entries if "file" in entry]
    nested = [entry[key] for entry in entries for key in ("parts", "chapters", "sections") if key in entry]
    return names + [name for inner in nested for name in pages_of_contents(inner)]


def test_every_page_of_the_contents_is_built(site):
    contents = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    names = [contents["root"], *pages_of_contents([contents])]
    assert_none([name for name in names if not (site / f"{name}.html").is_file()])


def test_every_page_of_the_course_is_in_the_contents():
    contents = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    names = {contents["root"], *pages_of_contents([contents])}
    pages = [path for folder in ("book", "exercises", "solutions") for path in (ROOT / folder).rglob("*.md")]
    written = {
        path.relative_to(ROOT).with_suffix("").as_posix() for path in pages if "_static" not in path.parts
    }
    assert_none(sorted(written - names))


def test_every_image_says_what_is_seen(site):
    assert_none(check_site.images_without_alt_text(site))


def test_every_promised_figure_is_shown(site):
    assert_none(check_site.missing_figures(site, ROOT))


def test_nothing_is_asked_of_another_host(site):
    assert_none(check_site.foreign_resources(site))


def test_links_within_the_site_lead_somewhere(site):
    assert_none(check_site.broken_links(site))


def test_launch_links_open_exported_notebooks(site, tmp_path):
    exporter = [sys.executable, str(ROOT / "tools" / "export_notebooks.py"), "--to", str(tmp_path)]
    subprocess.run(exporter, cwd=ROOT, check=True, capture_output=True)
    assert any(tmp_path.rglob("*.ipynb"))
    assert_none(check_site.broken_launch_links(site, tmp_path, CONFIG))


def faults_in_browser(browser, addresses, colour_scheme):
    """Open each address and list what goes wrong there, one line for each fault."""
    from axe_playwright_python.sync_playwright import Axe

    axe = Axe()
    faults: list[str] = []
    name = ""

    def note(fault):
        faults.append(f"{name} ({colour_scheme}): {fault}")

    def guard(route):
        if route.request.url.startswith(("file:", "data:", "blob:")):
            route.continue_()
        else:
            note(f"asks {route.request.url}")
            route.abort()

    # Without reduced motion, axe may measure the contrast of a colour that is still fading in.
    context = browser.new_context(color_scheme=colour_scheme, reduced_motion="reduce")
    context.route("**/*", guard)
    tab = context.new_page()
    tab.on("console", lambda message: message.type == "error" and note(f"console: {message.text}"))
    tab.on("pageerror", lambda error: note(f"script: {error}"))
    tab.on("requestfailed", lambda request: note(f"failed: {request.url}"))
    for address in addresses:
        name = address.rpartition("/html/")[2]
        tab.set_viewport_size({"width": 1280, "height": 900})
        tab.goto(address)
        tab.evaluate("window.MathJax?.startup?.promise.then(() => 0)")
        # Without preload: axe would fetch the style sheets again, which file: refuses.
        found = axe.run(tab, options={"preload": False, "resultTypes": ["violations"]}).response["violations"]
        for violation in found:
            if violation["id"] not in ALLOWED_VIOLATIONS:
                note(f"axe: {violation['id']}: {violation['nodes'][0]['html'][:200]}")
        tab.set_viewport_size({"width": NARROW, "height": 800})
        width = tab.evaluate("document.documentElement.scrollWidth")
        if width > NARROW:
            note(f"scrolls sideways: {width} px wide on a screen of {NARROW} px")
    context.close()
    return faults


@pytest.mark.parametrize("colour_scheme", ["light", "dark"])
def test_every_page_in_a_browser(site, browser, colour_scheme):
    # index.html only forwards to the first page
    addresses = [path.as_uri() for path in check_site.pages(site) if path != site / "index.html"]
    assert_none(faults_in_browser(browser, addresses, colour_scheme))


def test_search_works_from_disk(site, browser):
    address = (site / "search.html").as_uri() + "?q=privacy"
    assert_none(faults_in_browser(browser, [address], "light"))
    tab = browser.new_page()
    tab.goto(address)
    tab.wait_for_selector("#search-results li a")
    tab.close()


def test_browser_finds_planted_faults(browser, tmp_path):
    page = tmp_path / "page.html"
    page.write_text(
        """<!doctype html><html lang="en"><head><title>Page</title>
        <meta name="viewport" content="width=device-width, initial-scale=1"></head>
        <body><main><h1>Page</h1>
        <p style="color: #bbb; background: #fff">Grey on white.</p>
        <img src="gone.png" alt="A picture."><img src="https://other.invalid/a.png" alt="A picture.">
        <div style="width: 700px">wide</div>
        <script>throw new Error("planted")</script></main></body></html>"""
    )
    faults = "\n".join(faults_in_browser(browser, [page.as_uri()], "light"))
    for expected in (
        "script: planted",
        "gone.png",
        "asks https://other.invalid/a.png",
        "axe: color-contrast",
        "scrolls sideways",
    ):
        assert expected in faults


def test_browser_finds_a_wide_page_in_the_theme(site, browser, tmp_path):
    """The theme's own layout does not hide what sticks out."""
    page = check_site.pages(site)[0]
    copy = page.with_name("planted_wide.html")
    text = page.read_text(encoding="utf-8")
    assert "</article>" in text
    try:
        copy.write_text(
            text.replace("</article>", '<div style="width: 700px">wide</div></article>'), encoding="utf-8"
        )
        faults = faults_in_browser(browser, [copy.as_uri()], "light")
    finally:
        copy.unlink()
    assert len(faults) == 1 and "scrolls sideways" in faults[0]
