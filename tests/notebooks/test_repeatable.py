"""A page says the same on two runs, but for cells tagged ``timing``."""

import re

import nbclient
import nbformat
import pytest
from course_index import Course
from course_pages import ROOT, notebook_pages
from export_notebooks import export

CHAPTERS_AND_PRIMERS = [path for path in notebook_pages() if path.is_relative_to(ROOT / "book")]


def said(notebook):
    """The text outputs of each cell by its source; progress bars and addresses in memory aside."""
    result = {}
    for number, cell in enumerate(cell for cell in notebook.cells if cell.cell_type == "code"):
        if "timing" in cell.metadata.get("tags", []):
            continue
        shown = [output for output in cell.outputs if not is_progress(output)]
        outputs = [output.get("text") or output.get("data", {}).get("text/plain", "") for output in shown]
        result[number, cell.source] = re.sub(r"0x[0-9a-f]+", "0x", "".join(map(str, outputs)))
    return result


def is_progress(output):
    """Whether an output is a progress bar, or the line end that follows one."""
    return output.get("name") == "stderr" and ("\r" in output.text or not output.text.strip())


def run(text, page, root):
    """The page's notebook after a run."""
    notebook = export(text, page, Course(ROOT))
    nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(root)}}).execute()
    return said(notebook)


@pytest.mark.slow
@pytest.mark.parametrize("path", CHAPTERS_AND_PRIMERS, ids=lambda path: path.stem)
def test_two_runs_say_the_same(path):
    text, page = path.read_text(encoding="utf-8"), path.relative_to(ROOT).as_posix()
    assert run(text, page, path.parent) == run(text, page, path.parent)


def test_a_difference_is_seen_unless_it_is_a_timing():
    def notebook(text, tags, name="stdout"):
        output = nbformat.v4.new_output("stream", name=name, text=text)
        return nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell("f()", outputs=[output], metadata={"tags": tags})]
        )

    assert said(notebook("1", [])) != said(notebook("2", []))
    assert said(notebook("<f at 0x1a>", [])) == said(notebook("<f at 0x2b>", []))
    assert said(notebook("1", ["timing"])) == said(notebook("2", ["timing"]))
    assert said(notebook("\rshadows: 2it/s", [], "stderr")) == said(notebook("\rshadows: 3it/s", [], "stderr"))
    assert said(notebook("a warning", [], "stderr")) != said(notebook("another", [], "stderr"))
