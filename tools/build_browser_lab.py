"""Put JupyterLab with Z3 and the course into the built site, to run in the reader's browser.

    python tools/build_browser_lab.py       after the book is built (`make book` does it)

Everything the lab needs is copied into ``_build/html/lite``: JupyterLite, Pyodide, the kernel's
packages, Z3, and ``course_lib``. The browser asks no other host for anything. Where npm is
missing, a page that says so stands in its place, and the book is whole without it.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

from course_pages import ROOT

PYODIDE = "pyodide@314.0.6"
# What Pyodide's Python takes: pure-Python wheels, and those compiled for it.
TAGS = ["--python-version=3.14", "--implementation=py", "--abi=none", "--platform=pyemscripten_2026_0_wasm32"]
LISTS = Path("tools") / "browser_lab"  # requirements.txt and wheels.txt
WORK = Path("_build") / "browser_lab"  # kept between builds
SITE = Path("_build") / "html"
LABS = Path("book") / "labs"
PLACEHOLDER = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>No browser lab here</title></head>
<body><main><h1>No browser lab here</h1>
<p>This copy of the site was built without the lab: that takes Node's npm. Install it and run
<code>make book</code> again, or open the page in Binder, Colab or JupyterLab.</p></main></body></html>
"""


def write_placeholder(site: Path) -> None:
    """Where the lab would be, a page that says why it is not."""
    page = site / "lite" / "notebooks" / "index.html"
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(PLACEHOLDER, encoding="utf-8")


def build(site: Path, root: Path = ROOT) -> Path:
    """Build the lab into a folder of the site and return that folder."""
    work = root / WORK
    work.mkdir(parents=True, exist_ok=True)
    pyodide = work / "lite" / "static" / "pyodide"
    python = _environment(root, work)
    _fetch_pyodide(work, pyodide)
    _fetch_wheels(python, root, work)
    wheels = sorted((work / "wheels").glob("*.whl"))
    for wheel in [*wheels, _own_wheel(python, root, work)]:
        _place_wheel(wheel, pyodide)
    _patch_lock(pyodide)
    _place_notebooks(root, work / "lite" / "files")
    (work / "lite" / "jupyter-lite.json").write_text(json.dumps(_settings(), indent=1), encoding="utf-8")
    output = site / "lite"
    shutil.rmtree(output, ignore_errors=True)
    (work / ".jupyterlite.doit.db").unlink(missing_ok=True)  # it would remember what was deleted here
    command = [python, "-m", "jupyterlite_core", "build", "--lite-dir", work / "lite", "--output-dir", output]
    _run([*command, "--contents", work / "lite" / "files", "--no-sourcemaps", "--apps", "notebooks", "--apps", "lab"],
         cwd=work)  # fmt: skip
    return output


def _environment(root: Path, work: Path) -> Path:
    """The Python of the lab's own environment, made when its list has changed."""
    wanted = (root / LISTS / "requirements.txt").read_text(encoding="utf-8")
    python, stamp = work / "env" / "bin" / "python", work / "env" / "installed.txt"
    if not (stamp.exists() and stamp.read_text(encoding="utf-8") == wanted):
        venv.create(work / "env", clear=True, with_pip=True)
        _run([python, "-m", "pip", "install", "-q", "-r", root / LISTS / "requirements.txt"])
        stamp.write_text(wanted, encoding="utf-8")
    return python


def _fetch_pyodide(work: Path, pyodide: Path) -> None:
    archive = work / (PYODIDE.replace("@", "-") + ".tgz")
    if not archive.exists():
        _run(["npm", "pack", "--silent", PYODIDE], cwd=work)
    shutil.rmtree(pyodide, ignore_errors=True)
    pyodide.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive) as files:
        files.extractall(work, filter="data")
    (work / "package").rename(pyodide)
    for unused in [*pyodide.glob("*.map"), *pyodide.glob("*.d.ts"), *pyodide.glob("*.html")]:
        unused.unlink()


def _fetch_wheels(python: Path, root: Path, work: Path) -> None:
    """The pinned wheels, once: a folder that holds another list is emptied first."""
    wanted = (root / LISTS / "wheels.txt").read_text(encoding="utf-8")
    stamp = work / "wheels" / "fetched.txt"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return
    shutil.rmtree(work / "wheels", ignore_errors=True)
    download = [python, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:", *TAGS]
    _run([*download, "-d", work / "wheels", "-r", root / LISTS / "wheels.txt"])
    stamp.write_text(wanted, encoding="utf-8")


def _own_wheel(python: Path, root: Path, work: Path) -> Path:
    folder = work / "own"
    shutil.rmtree(folder, ignore_errors=True)
    _run([python, "-m", "pip", "wheel", "-q", "--no-deps", "-w", folder, root])
    return next(folder.glob("*.whl"))


def _place_wheel(wheel: Path, folder: Path) -> None:
    """Copy a wheel, without the headers and the second copy of the library that Z3's carries."""
    with zipfile.ZipFile(wheel) as whole, zipfile.ZipFile(folder / wheel.name, "w", zipfile.ZIP_DEFLATED) as lean:
        for name in whole.namelist():
            if not re.search(r"\.so\.|/include/", name):
                lean.writestr(whole.getinfo(name), whole.read(name), zipfile.ZIP_DEFLATED)


def _patch_lock(pyodide: Path) -> None:
    """Let Pyodide's list of packages hold those that lie beside it, and no others."""
    path = pyodide / "pyodide-lock.json"
    lock = json.loads(path.read_text(encoding="utf-8"))
    known, lock["packages"] = lock["packages"], {}
    for wheel in sorted(pyodide.glob("*.whl")):
        name, version = wheel.name.split("-")[:2]
        key = re.sub(r"[-_.]+", "-", name).lower()
        old = next((entry for entry in known.values() if _same(entry["name"], key)), None)
        depends = old["depends"] if old else (["z3-solver"] if key == "course-lib" else [])
        imports = old["imports"] if old else [{"z3-solver": "z3"}.get(key, name)]
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        lock["packages"][key] = {
            "name": key, "version": version, "file_name": wheel.name, "sha256": digest, "imports": imports,
            "depends": [re.sub(r"[-_.]+", "-", d).lower() for d in depends], "install_dir": "site",
            "package_type": "package", "unvendored_tests": False,
        }  # fmt: skip
    path.write_text(json.dumps(lock), encoding="utf-8")


def _same(name: str, key: str) -> bool:
    return re.sub(r"[-_.]+", "-", name).lower() == key


def _place_notebooks(root: Path, folder: Path) -> None:
    """The exported lab pages, with the kernel's name in the browser."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for path in sorted((root / LABS).glob("*.md")):
        notebook = json.loads(path.with_suffix(".ipynb").read_text(encoding="utf-8"))
        notebook["metadata"]["kernelspec"] = {"name": "python", "display_name": "Python (in your browser)"}
        notebook["cells"] = [cell for cell in notebook["cells"] if "install" not in cell["metadata"].get("tags", [])]
        for cell in notebook["cells"]:
            if cell["cell_type"] == "markdown":  # links to pages of the book lead nowhere inside the lab
                cell["source"] = re.sub(r"\[([^\]]+)\]\((?!https?:)[^)]*\)", r"\1", "".join(cell["source"]))
        (folder / f"{path.stem}.ipynb").write_text(json.dumps(notebook), encoding="utf-8")


def _settings() -> dict:
    """JupyterLite's settings: nothing is fetched from elsewhere."""
    kernel = {"pyodideUrl": "./static/pyodide/pyodide.mjs", "disablePyPIFallback": True}
    return {
        "jupyter-lite-schema-version": 0,
        "jupyter-config-data": {
            "appName": "Privacy Attacks You Can Run",
            "litePluginSettings": {"@jupyterlite/pyodide-kernel-extension:kernel": kernel},
        },
    }


def _run(command: list, cwd: Path | None = None) -> None:
    done = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, command[:4]))} failed:\n{(done.stdout + done.stderr)[-3000:]}")


def main() -> int:
    if not (ROOT / SITE / "index.html").exists():
        print("There is no site yet: run make book first.")
        return 1
    if not shutil.which("npm"):
        write_placeholder(ROOT / SITE)
        print("The browser lab was left out: it takes Node's npm, which is not installed. All else is there.")
        return 0
    print(f"The browser lab lies in {build(ROOT / SITE).relative_to(ROOT)}; it opens with `make serve`, not from disk.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
