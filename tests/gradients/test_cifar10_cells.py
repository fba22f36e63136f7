"""The chapters' cells on CIFAR-10, as a reader runs them who sets one variable: on a small folder in its format."""

import ast
import pickle
from pathlib import Path

import jupytext
import matplotlib
import numpy as np
import pytest

from course_lib import datasets

PAGES = Path(__file__).resolve().parents[2] / "book" / "gradients"
SWITCH = 'source, download = "photos", False'


@pytest.fixture
def cifar_here(request, tmp_path, monkeypatch):
    """The working folder holds data/cifar-10-batches-py: pieces of photographs, packed as Toronto packs pictures."""
    batches = tmp_path / "data" / "cifar-10-batches-py"
    batches.mkdir(parents=True)
    n = request.param
    images, labels = datasets.photo_crops(n, seed=7)
    data = (images * 255).round().astype(np.uint8).reshape(n, -1)
    for k in range(6):
        part = slice(k * n // 5, (k + 1) * n // 5) if k < 5 else slice(1)
        name = f"data_batch_{k + 1}" if k < 5 else "test_batch"
        (batches / name).write_bytes(pickle.dumps({"data": data[part], "labels": labels[part].tolist()}))
    (batches / "batches.meta").write_bytes(pickle.dumps({"label_names": list("abcdefghij")}))
    module = datasets.torchvision().datasets
    monkeypatch.setattr(module.CIFAR10, "_check_integrity", lambda self: True)
    monkeypatch.setattr(module.cifar, "check_integrity", lambda *args: True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(matplotlib.rcParams, "backend", "agg")


def cells(page: str) -> list[str]:
    """The code of a page as a notebook's reader has it: without the cells for the book alone."""
    notebook = jupytext.read(PAGES / f"{page}.md", fmt="md:myst")
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return [cell.source for cell in code if not {"book-only", "timing"} & set(cell.metadata.get("tags", []))]


def run(sources: list[str]) -> dict:
    names = {"__name__": "__main__"}
    for source in sources:
        exec(compile(source, "<cell>", "exec"), names)
    return names


def imports(sources: list[str]) -> str:
    statements = [node for source in sources for node in ast.parse(source).body]
    return "\n".join(ast.unparse(node) for node in statements if isinstance(node, ast.Import | ast.ImportFrom))


def switched(sources: list[str]) -> list[str]:
    assert sum(SWITCH in source for source in sources) == 1
    return [source.replace(SWITCH, 'source, download = "cifar10", False') for source in sources]


@pytest.mark.filterwarnings("ignore:FigureCanvasAgg is non-interactive")
@pytest.mark.parametrize("cifar_here", [120], indirect=True)
def test_a_hundred_pictures_of_chapter_4_come_from_cifar10(cifar_here):
    """From the switch to the table that predicts the gradient."""
    code = switched(cells("one_image_from_one_gradient"))
    first = next(k for k, source in enumerate(code) if source.startswith("source, download"))
    last = next(k for k, source in enumerate(code) if source.startswith("score = extraction_metrics(pattern)"))
    names = run([imports(code), *code[first : last + 1]])
    stored = {image.tobytes() for image in datasets.cifar10("data")[0]}
    assert {image.tobytes() for image in names["images"]} <= stored and len(names["images"]) == 100


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("cifar_here", [1500], indirect=True)
@pytest.mark.parametrize("page", ["one_image_from_one_gradient", "a_server_that_cheats"])
def test_every_cell_of_a_chapter_runs_on_cifar10(page, cifar_here):
    assert run(switched(cells(page)))["source"] == "cifar10"
