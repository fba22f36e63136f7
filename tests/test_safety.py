"""Nothing in the package or its tools runs text from data, or reaches a network at import."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
UNPICKLERS = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
NETWORK = {
    "socket", "ssl", "urllib.request", "http.client", "http.server", "ftplib", "smtplib", "telnetlib",
    "xmlrpc", "asyncio", "requests", "httpx", "aiohttp", "urllib3", "websockets", "paramiko",
}  # fmt: skip
TEXT_RUNNERS = {"eval", "exec", "compile", "__import__"}


def faults(source):
    """What is forbidden in a piece of code, as `line: what`."""
    tree = ast.parse(source)
    found = [f"{node.lineno}: {what}" for node in ast.walk(tree) for what in _node_faults(node)]
    found += [
        f"{node.lineno}: {name} at import"
        for node in _at_import(tree)
        for name in _names(node)
        if any(name == net or name.startswith(net + ".") for net in NETWORK)
    ]
    return sorted(set(found), key=lambda text: int(text.split(":")[0]))


def _node_faults(node):
    for name in _names(node):
        if name.split(".")[0] in UNPICKLERS:
            yield name
    if not isinstance(node, ast.Call):
        # A name handed on, as in `run = eval`, is as good as a call.
        if isinstance(node, ast.Name) and node.id in {"eval", "exec"}:
            yield node.id
        return
    called = ast.unparse(node.func)
    last = called.split(".")[-1]
    keywords = {word.arg: ast.unparse(word.value) for word in node.keywords}
    if called in TEXT_RUNNERS or called.removeprefix("builtins.") in TEXT_RUNNERS:
        yield called
    from_torch = last == "load" and called.split(".")[0] in {"torch", "serialization"}
    if from_torch and keywords.get("weights_only") != "True":
        yield "torch.load without weights_only=True"
    if last == "read_pickle" or keywords.get("allow_pickle") == "True":
        yield "unpickling"
    if called in {"yaml.load", "yaml.unsafe_load", "yaml.full_load"}:
        yield called
    if called in {"os.system", "os.popen"} or keywords.get("shell") == "True":
        yield "a shell"


def _names(node):
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module and not node.level:
        names = [f"{node.module}.{alias.name}" for alias in node.names]
        return names + (["torch.load imported by name"] if "torch.load" in names else [])
    return []


def _at_import(node):
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield child
            yield from _at_import(child)


def sources():
    return sorted([*(ROOT / "course_lib").rglob("*.py"), *(ROOT / "tools").rglob("*.py")])


@pytest.mark.parametrize("path", sources(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_code_is_free_of_it(path):
    assert faults(path.read_text(encoding="utf-8")) == []


def test_there_is_code_to_walk():
    assert len(sources()) > 10


@pytest.mark.parametrize(
    "planted",
    [
        "import pickle",
        "def f():\n    from pickle import loads",
        "import joblib.memory",
        "import torch\nm = torch.load('x')",
        "import torch\nm = torch.load('x', weights_only=False)",
        "import torch\nm = torch.load('x', weights_only=flag)",
        "import torch\nm = torch.serialization.load('x')",
        "y = eval('1 + 1')",
        "run = exec",
        "import builtins\nbuiltins.exec('x = 1')",
        "code = compile(text, 'f', 'exec')",
        "m = __import__(name)",
        "import pandas\npandas.read_pickle('x')",
        "import numpy\nnumpy.load('x', allow_pickle=True)",
        "import yaml\nyaml.load(text)",
        "import os\nos.system('ls')",
        "import subprocess\nsubprocess.run('ls', shell=True)",
        "import socket",
        "import urllib.request",
        "from urllib.request import urlopen",
        "from http import client",
        "class A:\n    import requests",
        "if True:\n    import httpx",
    ],
)
def test_planted_code_is_found(planted):
    assert len(faults(planted)) >= 1


@pytest.mark.parametrize(
    "innocent",
    [
        "import torch\nm = torch.load('x', weights_only=True)",
        "import re\npattern = re.compile('x')",
        "import yaml\nyaml.safe_load(text)",
        "model.eval()",
        "from urllib.parse import quote",
        "def fetch():\n    import urllib.request",
        "'''Never eval text.'''",
    ],
)
def test_innocent_code_is_not(innocent):
    assert faults(innocent) == []
