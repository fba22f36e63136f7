"""The lab in a real browser: Z3 and the course run there, and no other host is asked."""

import functools
import http.server
import json
import re
import shutil
import subprocess
import sys
import threading
import zipfile

import build_browser_lab
import check_site
import pytest
from course_pages import ROOT

PATIENCE = 240_000  # ms: a loaded machine is slow, a broken lab never gets there
TALL = {"width": 1200, "height": 8000}  # a cell that is scrolled out of sight has no prompt and no output


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *words):
        pass


@pytest.fixture(scope="module")
def served(site, tmp_path_factory):
    """The site with its lab at a sub-path of a server on this machine."""
    if not shutil.which("npm"):
        pytest.skip("no npm: install Node to build the browser lab")
    top = tmp_path_factory.mktemp("served")
    folder = top / "course"
    folder.mkdir()
    for entry in site.iterdir():
        if entry.name != "lite":
            (folder / entry.name).symlink_to(entry)
    exporter = ROOT / "tools" / "export_notebooks.py"
    subprocess.run([sys.executable, str(exporter)], check=True, capture_output=True)
    build_browser_lab.build(folder)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=top))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/course"
    server.shutdown()


@pytest.mark.parametrize(
    ("chapter", "lab", "said"),
    [
        ("reconstruction/rebuilding_a_block", "tables", ["1", "6"]),
        ("minimisation/what_a_program_needs", "programs", ["{'salary': 3, 'age': 3}"]),
    ],
)
def test_the_lab_solves_in_the_browser_and_asks_no_other_host(served, browser, chapter, lab, said):
    context = browser.new_context(viewport=TALL)
    asked = []
    context.on("request", lambda request: asked.append(request.url))
    tab = context.new_page()
    tab.set_default_timeout(PATIENCE)
    tab.goto(f"{served}/book/{chapter}.html")
    tab.click(f"article a[href*='labs/{lab}']")
    tab.click("text=Open this lab in your browser")
    tab.wait_for_selector(".jp-Notebook .jp-CodeCell")
    tab.get_by_text("Run", exact=True).first.click()
    tab.get_by_text("Run All Cells", exact=True).click()
    tab.wait_for_function(
        "[...document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')].every(prompt => /\\d/.test(prompt.innerText))"
    )
    outputs = [output.inner_text().strip() for output in tab.query_selector_all(".jp-OutputArea-output")]
    context.close()
    assert not [text for text in outputs if "Traceback" in text]
    assert [text for text in said if text not in outputs] == []
    foreign = [url for url in asked if not url.startswith((served.removesuffix("/course"), "data:", "blob:"))]
    assert foreign == []


def test_without_npm_a_page_says_that_the_lab_was_left_out(tmp_path, monkeypatch, capsys):
    (tmp_path / "_build" / "html").mkdir(parents=True)
    (tmp_path / "_build" / "html" / "index.html").write_text("")
    monkeypatch.setattr(build_browser_lab, "ROOT", tmp_path)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert build_browser_lab.main() == 0
    assert "npm" in capsys.readouterr().out
    assert "without the lab" in (tmp_path / "_build/html/lite/notebooks/index.html").read_text()


def test_without_a_site_there_is_nothing_to_add_a_lab_to(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(build_browser_lab, "ROOT", tmp_path)
    assert build_browser_lab.main() == 1
    assert "make book" in capsys.readouterr().out


def test_the_wheel_in_the_browser_leaves_out_headers_and_a_second_library(tmp_path):
    fat, lean = tmp_path / "fat" / "z3.whl", tmp_path / "lean"
    fat.parent.mkdir()
    lean.mkdir()
    with zipfile.ZipFile(fat, "w") as wheel:
        for name in ("z3/z3.py", "z3/lib/libz3.so", "z3/lib/libz3.so.5.3", "z3/include/z3.h"):
            wheel.writestr(name, "x")
    build_browser_lab._place_wheel(fat, lean)
    with zipfile.ZipFile(lean / "z3.whl") as wheel:
        assert wheel.namelist() == ["z3/z3.py", "z3/lib/libz3.so"]


def test_the_list_of_packages_names_what_lies_beside_it_and_no_more(tmp_path):
    known = {"name": "six", "depends": [], "imports": ["six"]}
    other = {"name": "numpy", "depends": [], "imports": ["numpy"]}
    (tmp_path / "pyodide-lock.json").write_text(json.dumps({"info": {}, "packages": {"six": known, "numpy": other}}))
    for name in ("six-1.17.0-py2.py3-none-any.whl", "course_lib-0.1.0-py3-none-any.whl"):
        (tmp_path / name).write_bytes(b"x")
    build_browser_lab._patch_lock(tmp_path)
    packages = json.loads((tmp_path / "pyodide-lock.json").read_text())["packages"]
    assert sorted(packages) == ["course-lib", "six"]
    assert packages["course-lib"]["imports"] == ["course_lib"]
    assert packages["course-lib"]["depends"] == ["z3-solver"]
    assert all(re.fullmatch("[0-9a-f]{64}", entry["sha256"]) for entry in packages.values())


def test_the_checks_of_the_site_leave_the_lab_alone(tmp_path):
    for name in ("index.html", "lite/lab/index.html"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("<html></html>")
    assert check_site.pages(tmp_path) == [tmp_path / "index.html"]
