"""Data files and the torchvision guard. Both branches of the guard run wherever the tests do:
against stand-ins for torch and torchvision, in processes of their own."""

import subprocess
import sys
import textwrap

import pytest

from course_lib.datasets import data_file, data_files

WHOLE = "answer = 42\n"
# Fails as torchvision does: half of it is loaded, then an operator is missing.
BROKEN = """
import torch, torchvision._meta
for operator in ("torchvision::nms", "torchvision::qnms"):
    if operator not in torch.library.defined:
        raise RuntimeError(f"operator {operator} does not exist")
answer = 42
"""
TORCH = """
class library:
    defined = {}
    @staticmethod
    def define(name, schema):
        if name in library.defined:
            raise RuntimeError("defined twice")
        library.defined[name] = schema
"""


def run(code, folder, **modules):
    """Run code where the given sources stand for modules of those names."""
    for name, source in modules.items():
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text(textwrap.dedent(source))
        (folder / name / "_meta.py").write_text("")
    lines = f"import sys; sys.path.insert(0, {str(folder)!r})\n" + textwrap.dedent(code)
    return subprocess.run([sys.executable, "-c", lines], capture_output=True, text=True, timeout=120)


ASK = """
from course_lib.datasets import torchvision
print(torchvision().answer, torchvision() is sys.modules["torchvision"], "torch" in sys.modules)
"""


def test_a_whole_torchvision_is_left_alone(tmp_path):
    done = run(ASK, tmp_path, torchvision=WHOLE, torch="raise SystemExit('torch was asked for')")
    assert done.stdout.split() == ["42", "True", "False"], done.stderr


def test_a_broken_torchvision_loads_after_its_operators_are_declared(tmp_path):
    code = ASK + "import torch; print(*torch.library.defined)"
    done = run(code, tmp_path, torchvision=BROKEN, torch=TORCH)
    expected = ["42", "True", "True", "torchvision::nms", "torchvision::qnms"]
    assert done.stdout.split() == expected, done.stderr


def test_another_error_of_torchvision_is_not_hidden(tmp_path):
    other = "raise RuntimeError('no room on the disk')"
    done = run(ASK, tmp_path, torchvision=other, torch="raise SystemExit('torch was asked for')")
    assert done.stderr.rstrip().endswith("RuntimeError: no room on the disk")


def test_a_failure_that_the_guard_does_not_cure_is_shown(tmp_path):
    stubborn = "raise RuntimeError('operator torchvision::roi_align does not exist')"
    done = run(ASK, tmp_path, torchvision=stubborn, torch=TORCH)
    assert "torchvision::roi_align" in done.stderr.rstrip().splitlines()[-1]


def test_a_missing_torchvision_says_what_to_install(tmp_path):
    code = "sys.modules['torchvision'] = None" + ASK
    done = run(code, tmp_path)
    assert "torchvision is not installed: run `pip install torchvision`" in done.stderr


def test_a_module_missing_inside_torchvision_keeps_its_name(tmp_path):
    done = run(ASK, tmp_path, torchvision="import no_such_module")
    assert "No module named 'no_such_module'" in done.stderr


def test_the_installed_torchvision_serves_what_the_course_uses():
    """The pair that is installed here, whichever branch it takes."""
    pytest.importorskip("torch")
    code = """
        from course_lib.datasets import torchvision
        tv = torchvision()
        import torch
        assert tv.utils.make_grid(torch.zeros(2, 3, 4, 4)).shape[0] == 3
        assert callable(tv.models.vgg13) and callable(tv.datasets.MNIST) and callable(tv.transforms.ToTensor)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_every_table_opens_and_has_rows_under_a_header():
    assert len(data_files()) >= 3
    for name in data_files():
        lines = data_file(name).read_text(encoding="utf-8").splitlines()
        assert len(lines) > 1, name
        assert {line.count(",") for line in lines} == {lines[0].count(",")}, name


@pytest.mark.parametrize("name", ["census.csv", "", "../__init__.py", "__init__.py", "/etc/passwd"])
def test_an_unknown_table_is_refused_with_those_there_are(name):
    with pytest.raises(FileNotFoundError) as error:
        data_file(name)
    assert all(table in str(error.value) for table in data_files())
    assert repr(name) in str(error.value)


def test_every_table_is_described_in_the_readme_of_the_data():
    from importlib.resources import files

    readme = (files("course_lib.data") / "README.md").read_text(encoding="utf-8")
    assert [name for name in data_files() if f"`{name}`" not in readme] == []
