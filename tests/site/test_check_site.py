"""Each check of the built site finds a planted fault, and passes what is right."""

import check_site
import pytest

CONFIG = {
    "repository": {"url": "https://github.com/owner/name", "branch": "notebooks"},
    "launch_buttons": {
        "binderhub_url": "https://mybinder.org",
        "colab_url": "https://colab.research.google.com",
    },
}
BINDER = "https://mybinder.org/v2/gh/owner/name/notebooks?urlpath=lab/tree/"
COLAB = "https://colab.research.google.com/github/owner/name/blob/notebooks/"


@pytest.fixture
def planted(tmp_path):
    """Write pages of a small site and return its folder."""

    def write(**pages):
        for name, body in pages.items():
            path = tmp_path / "site" / "book" / f"{name}.html"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"<html><body>{body}</body></html>")
        return tmp_path / "site"

    return write


@pytest.mark.parametrize(
    ("body", "n_faults"),
    [
        ('<img src="a.png" alt="Bars fall from left to right.">', 0),
        ('<img src="a.png">', 1),
        ('<img src="a.png" alt="">', 1),
        ('<img src="a.png" alt="  ">', 1),
        ('<img src="../_images/3f.png" alt="../_images/3f.png">', 1),
    ],
)
def test_images_without_alt_text(planted, body, n_faults):
    assert len(check_site.images_without_alt_text(planted(page=body))) == n_faults


@pytest.mark.parametrize(
    ("body", "n_faults"),
    [
        ('<a href="https://example.org">a link is no request</a><img src="a.png" alt="x">', 0),
        ('<img src="data:image/png;base64,iVBOR">', 0),
        ('<script src="https://example.org/a.js"></script>', 1),
        ('<script src="//example.org/a.js"></script>', 1),
        ('<link rel="stylesheet" href="https://example.org/a.css">', 1),
        ('<link rel="preconnect" href="https://fonts.example.org">', 1),
        ('<img srcset="a.png 1x, https://example.org/b.png 2x">', 1),
        ("<style>@import 'https://example.org/a.css';</style>", 1),
        ('<p style="background: url(https://example.org/a.png)">', 1),
        ('<iframe src="http://example.org"></iframe>', 1),
    ],
)
def test_foreign_resources_of_a_page(planted, body, n_faults):
    assert len(check_site.foreign_resources(planted(page=body))) == n_faults


def test_foreign_resources_of_a_style_sheet(planted):
    site = planted(page="")
    (site / "_static").mkdir()
    (site / "_static" / "a.css").write_text(
        '@font-face { src: url("https://example.org/a.woff2"), url(b.woff2) }'
    )
    assert check_site.foreign_resources(site) == ["_static/a.css: asks https://example.org/a.woff2"]


@pytest.mark.parametrize(
    ("link", "n_faults"),
    [
        ("other.html", 0),
        ("other.html#here", 0),
        ("#", 0),
        ("https://example.org/missing.html#nowhere", 0),
        ("mailto:a@example.org", 0),
        ("gone.html", 1),
        ("other.html#gone", 1),
        ("#gone", 1),
        ("../book", 1),
    ],
)
def test_broken_links(planted, link, n_faults):
    site = planted(page=f'<a href="{link}">text</a>', other='<h2 id="here">Here</h2>')
    assert len(check_site.broken_links(site)) == n_faults


@pytest.mark.parametrize(
    ("binder", "colab", "n_faults"),
    [
        (BINDER + "book/page.ipynb", COLAB + "book/page.ipynb", 0),
        (BINDER + "book/gone.ipynb", COLAB + "book/page.ipynb", 1),
        (BINDER + "book/page.ipynb", COLAB + "book/gone.ipynb", 1),
        (BINDER + "book/page.md", COLAB + "book/page.ipynb", 1),
        (BINDER.replace("notebooks", "main") + "book/page.ipynb", COLAB + "book/page.ipynb", 1),
        (BINDER + "book/page.ipynb", COLAB.replace("/owner/", "/other/") + "book/page.ipynb", 1),
        ("https://mybinder.org/", COLAB + "book/page.ipynb", 1),
        ("elsewhere.html", COLAB + "book/page.ipynb", 1),  # a notebook page without the button
    ],
)
def test_broken_launch_links(planted, tmp_path, binder, colab, n_faults):
    notebook = tmp_path / "exported" / "book" / "page.ipynb"
    notebook.parent.mkdir(parents=True)
    notebook.write_text("{}")
    (notebook.parent / "page.md").write_text("")
    site = planted(
        page=f'<a href="{binder}">Binder</a><a href="{colab}">Colab</a>', plain="no notebook, no button"
    )
    assert len(check_site.broken_launch_links(site, tmp_path / "exported", CONFIG)) == n_faults


@pytest.mark.parametrize(("body", "n_faults"), [('<img src="a.png" alt="Two bars.">', 0), ("<p>Two bars.</p>", 1)])
def test_missing_figures(tmp_path, body, n_faults):
    (tmp_path / "book").mkdir()
    (tmp_path / "book" / "page.md").write_text(
        "---\njupytext: {}\n---\n\n```{code-cell}\n---\nmystnb:\n  image:\n    alt: Two bars.\n---\n1\n```\n"
    )
    (tmp_path / "book" / "page.html").write_text(body)
    assert len(check_site.missing_figures(tmp_path, tmp_path)) == n_faults
