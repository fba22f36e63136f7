"""A Sphinx extension: a link to a term of the glossary shows the definition when a pointer rests on it.

The words are put into the page when it is built, so that it also works from disk and
without a script.
"""

import re
from functools import lru_cache

from docutils import nodes
from sphinx.util import logging

GLOSSARY = "book/glossary.md"
logger = logging.getLogger(__name__)

_SIGNS = {
    r"\varepsilon": "ε", r"\Delta": "Δ", r"\Gamma": "Γ", r"\mu": "μ", r"\phi": "φ", r"\circ": "∘",
    r"\sqsubseteq": "⊑", r"\log": "log", r"\cdot": "·", r"\le": "≤", r"\ge": "≥", r"\times": "×",
    r"\lambda": "λ", r"\sigma": "σ", r"\delta": "δ", r"\sum": "Σ", r"\in": "∈", r"\{": "{", r"\}": "}",
}  # fmt: skip


def in_words(latex: str) -> str:
    """A formula as one line of text, for where no formula can be set.

    >>> in_words(r"e^{-\\varepsilon/\\Delta}"), in_words(r"\\sqrt{n}"), in_words(r"\\mu_{\\text{in}} - 1")
    ('e^(-ε/Δ)', '√n', 'μ_in - 1')
    """
    text = re.sub(r"\\(?:text|operatorname|mathrm)\{([^{}]*)\}", r"\1", latex)
    text = re.sub(r"\\sqrt\{(\w)\}", r"√\1", text)
    text = re.sub(r"\\(?:[A-Za-z]+|[{}])", lambda match: _SIGNS.get(match[0], match[0]), text)
    text = re.sub(r"([_^])\{(\w+)\}", r"\1\2", text)
    return re.sub(r"([_^])\{([^{}]*)\}", r"\1(\2)", text)


def definitions(doctree: nodes.document) -> dict[str, str]:
    """What each term of a glossary means in words, by the term's id."""
    found = {}
    for item in doctree.findall(nodes.definition_list_item):
        meaning = next(item.findall(nodes.definition)).deepcopy()
        for formula in list(meaning.findall(nodes.math)):
            formula.replace_self(nodes.Text(in_words(formula.astext())))
        text = " ".join(meaning.astext().split())
        if "\\" in text:
            logger.warning("no words for a formula in: %s", text, location=item)
        for term in item.findall(nodes.term):
            found |= dict.fromkeys(term["ids"], text)
    return found


@lru_cache(maxsize=1)
def _glossary(env) -> dict[str, str]:
    return definitions(env.get_doctree(GLOSSARY.removesuffix(".md")))


def depend_on_the_glossary(app, doctree):
    """Read a page again when the definitions change that it shows."""
    if any(node["reftype"] == "term" for node in doctree.findall(_is_reference)):
        app.env.note_dependency(GLOSSARY)


def _is_reference(node) -> bool:
    return isinstance(node, nodes.Element) and node.get("refdomain") == "std" and "reftype" in node


def show_definitions(app, doctree, docname):
    """Give every link to a term its definition as a title."""
    for link in doctree.findall(nodes.reference):
        inside = link.next_node(nodes.inline)
        if inside is None or "std-term" not in inside["classes"]:
            continue
        target = link.get("refid") or link["refuri"].partition("#")[2]
        link["reftitle"] = _glossary(app.env)[target]


def setup(app):
    app.connect("doctree-read", depend_on_the_glossary)
    app.connect("doctree-resolved", show_definitions)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
