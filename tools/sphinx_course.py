"""The course's own Sphinx extension: an honest execution cache, no foreign requests, clean markup."""

import hashlib
import importlib.util
import re
from pathlib import Path

from pybtex.plugin import register_plugin
from pybtex.richtext import Text
from pybtex.style.formatting.plain import Style as PlainStyle
from pybtex.style.labels import BaseLabelStyle


def library_key(root: Path) -> str:
    """A name that changes with whatever, beside its own cells, decides a page's outputs.

    The execution cache compares the text of the cells only. Without this, a page would
    keep its old numbers after a change in course_lib.
    """
    files = [path for path in (root / "course_lib").rglob("*") if path.is_file() and path.suffix != ".pyc"]
    digest = hashlib.sha256()
    for path in [*sorted(files), root / "constraints.txt"]:
        content = path.read_bytes()
        digest.update(f"{path.relative_to(root).as_posix()} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:16]


def use_a_cache_for_this_library(app, config):
    """Keep outputs in a folder named after the library they came from.

    The path is part of Sphinx's environment, so when it changes Sphinx itself reads
    every page again, in a plain `jupyter-book build .` too.
    """
    caches = Path(app.outdir).parent / "execution_cache"
    config.nb_execution_cache_path = str(caches / library_key(Path(app.srcdir)))


def use_local_mathjax(app, config):
    """Copy one file of MathJax into the site instead of asking a server for it.

    The package's folder has hyphens in its name, so it cannot be imported.
    """
    package = importlib.util.find_spec("sphinx-mathjax-offline").submodule_search_locations[0]
    config.html_static_path.append(str(Path(package, "static", "mathjax", "tex-svg-full.js")))
    config.mathjax_path = "tex-svg-full.js"


def drop_thebe(app, pagename, templatename, context, doctree):
    """Leave out the scripts of sphinx-thebe, which Jupyter Book always loads.

    The book does not use it, and it declares the same constant twice on each page, which
    browsers report as an error.
    """
    context["script_files"] = [
        script
        for script in context["script_files"]
        if "THEBE_JS_URL" not in (script.attributes.get("body") or "") and "sphinx-thebe" not in str(script.filename)
    ]


class AuthorYearLabels(BaseLabelStyle):
    """Labels of the reference list that read as the citations in the text do."""

    def format_labels(self, sorted_entries):
        for entry in sorted_entries:
            names = [" ".join(person.prelast_names + person.last_names) for person in entry.persons["author"]]
            names = [str(Text.from_latex(name)) for name in names]
            authors = " and ".join(names) if len(names) <= 2 else f"{names[0]} et al."
            yield f"{authors}, {entry.fields['year']}"


class AuthorYearStyle(PlainStyle):
    """The reference list, sorted by author, with author-year labels."""

    default_label_style = AuthorYearLabels


register_plugin("pybtex.style.formatting", "course", AuthorYearStyle)


# What screen readers stumble over in the HTML of others, and what they can read.
REPAIRS = {
    re.compile(r"<th[^>]*>\s*(<p>\s*</p>)?\s*</th>"): "<td></td>",  # an empty corner of a table is no header
    re.compile(r'role="doc-biblioentry"'): 'role="listitem"',  # docutils: a list needs list items
}


def repair_markup(app, pagename, templatename, context, doctree):
    """Replace the markup that fails an accessibility check on every page."""
    for wrong, right in REPAIRS.items():
        context["body"] = wrong.sub(right, context.get("body", ""))


def setup(app):
    app.connect("config-inited", use_a_cache_for_this_library)
    app.connect("config-inited", use_local_mathjax)
    app.connect("html-page-context", drop_thebe)
    app.connect("html-page-context", repair_markup)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
