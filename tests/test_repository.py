"""The files around the course: commands that exist, licences, workflows, sizes, one home for names."""

import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
TOP_LEVEL = {
    ".binder", ".ci", ".github", ".gitignore", "CHANGELOG.md", "CITATION.cff", "CONTRIBUTING.md", "LICENSE",
    "LICENSE-CONTENT", "Makefile", "README.md", "SECURITY.md", "_config.yml", "_toc.yml", "benchmarks", "book",
    "constraints.txt", "course_lib", "exercises", "pyproject.toml", "solutions", "tests", "tools",
}  # fmt: skip
PICTURES = {".png", ".jpg", ".jpeg", ".gif", ".svg", ".webp", ".ico"}
MOST_BYTES, MOST_PICTURE_BYTES = 1_000_000, 300_000
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PROSE = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "course_lib/data/README.md"]


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def tracked():
    """Files of the repository; without git, all files that are nobody's output."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if (ROOT / ".git").exists() and listed.returncode == 0:
        names = [name for name in listed.stdout.split("\0") if name]
    else:
        outputs = {".venv", ".git", "_build", "__pycache__", ".pytest_cache", ".ruff_cache", ".hypothesis"}
        files = (path.relative_to(ROOT) for path in ROOT.rglob("*") if path.is_file())
        names = [
            file.as_posix()
            for file in files
            if not outputs & set(file.parts) and file.suffix != ".ipynb" and "egg-info" not in str(file)
        ]
    return [name for name in names if (ROOT / name).is_file()]


def texts():
    for name in tracked():
        if Path(name).suffix not in PICTURES:
            yield name, read(name)


def make_targets():
    return set(re.findall(r"^([a-z][a-z-]*):", read("Makefile"), re.MULTILINE))


# Commands --------------------------------------------------------------------------------------


def made(text):
    """Targets of the `make` commands that stand in code, inline or fenced."""
    code = re.findall(r"```.*?```|`[^`]+`", text, re.DOTALL)
    return {target for piece in code for target in re.findall(r"\bmake ([a-z][a-z-]*)", piece)}


@pytest.mark.parametrize("page", [*PROSE, "book/intro.md", "book/instructors.md"])
def test_every_make_command_in_the_prose_is_a_target(page):
    assert made(read(page)) - make_targets() == set()


def test_the_readme_names_the_two_commands():
    assert {"book", "test"} <= made(read("README.md"))


def test_a_command_that_is_no_target_is_seen():
    assert made("Run `make coffee`, or make tea.\n```\nmake cake  # now\n```") == {"coffee", "cake"}


def test_the_plain_commands_of_the_readme_name_files_that_exist():
    commands = re.findall(r"^\.venv/bin/python (.*)$", read("README.md"), re.MULTILINE)
    assert len(commands) >= 4
    for command in commands:
        for word in command.split():
            if "/" in word and "://" not in word or word.endswith((".txt", ".py")):
                assert (ROOT / word).exists(), command
        for module in re.findall(r"-m (course_lib[\w.]*)", command):
            assert (ROOT / module.replace(".", "/") / "__main__.py").exists(), command
    extras = re.search(r'-e "\.\[([\w,]+)\]"', read("README.md"))[1].split(",")
    assert set(extras) <= set(PROJECT["optional-dependencies"])


def links(text):
    """Targets of Markdown links and pictures that lie in the repository."""
    found = re.findall(r"\]\(([^)\s]+)\)", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    return [link.split("#")[0] for link in found if "://" not in link and not link.startswith(("#", "mailto:"))]


@pytest.mark.parametrize("page", PROSE)
def test_links_between_the_files_lead_somewhere(page):
    assert [link for link in links(read(page)) if not (ROOT / page).parent.joinpath(link).exists()] == []


def test_the_steps_to_a_chapter_name_tests_that_exist():
    named = re.findall(r"\btests/[\w/]+(?:\.\w+)?", read("CONTRIBUTING.md"))
    placeholders = ("PART", "CHAPTER")
    assert len(named) > 10
    assert [path for path in named if not any(p in path for p in placeholders) and not (ROOT / path).exists()] == []
    steps = read("CONTRIBUTING.md").split("in ten steps")[1].split("\n## ")[0]
    assert re.findall(r"^(\d+)\. ", steps, re.MULTILINE) == [str(number) for number in range(1, 11)]


def test_the_badges_say_what_is_so():
    badges = re.findall(r"!\[([^\]]+)\]\((\.github/badges/\w+\.svg)\)", read("README.md"))
    oldest = PROJECT["requires-python"].removeprefix(">=")
    wanted = [f"Python: {oldest} or newer", f"Code: {PROJECT['license']}", "Text: CC BY 4.0"]
    assert [words for words, _ in badges] == wanted
    for words, path in badges:
        assert re.search(r"<title id=\"t\">([^<]+)</title>", read(path))[1].lower() == words.lower()
        assert all(f">{part}</text>".lower() in read(path).lower() for part in words.split(": "))


# Names, versions, licences ---------------------------------------------------------------------


def test_the_citation_is_valid():
    citation = yaml.safe_load(read("CITATION.cff"))
    assert citation["cff-version"] == "1.2.0"
    assert {"message", "title", "authors"} <= citation.keys()
    for reference in [citation, *citation.get("references", [])]:
        assert reference["title"]
        assert all({"name"} <= a.keys() or {"family-names"} <= a.keys() for a in reference["authors"])
    assert citation["title"] == CONFIG["title"]
    assert str(citation["version"]) == PROJECT["version"]
    assert citation["license"] == PROJECT["license"]
    assert set(citation) <= {
        "cff-version", "message", "type", "title", "abstract", "authors", "version", "license", "keywords",
        "references", "doi", "date-released", "identifiers", "preferred-citation",
    }  # fmt: skip


def test_the_changelog_has_the_version_or_what_is_to_come():
    headings = re.findall(r"^## \[([^\]]+)\]", read("CHANGELOG.md"), re.MULTILINE)
    assert headings[0] in {"Unreleased", PROJECT["version"]}


def test_both_licences_are_there():
    assert "Redistribution and use in source and binary forms" in read("LICENSE")
    assert "creativecommons.org/licenses/by/4.0" in read("LICENSE-CONTENT")
    assert PROJECT["license"] == "BSD-3-Clause" and PROJECT["license-files"] == ["LICENSE"]
    footer = CONFIG["html"]["extra_footer"]
    assert "CC BY 4.0" in footer and "BSD-3-Clause" in footer


def test_the_repository_is_named_in_one_place():
    owner, name = CONFIG["repository"]["url"].rstrip("/").split("/")[-2:]
    assert [file for file, text in texts() if name in text or f"{owner}/" in text] == ["_config.yml"]


def test_launch_buttons_open_the_branch_that_is_published():
    branch = CONFIG["repository"]["branch"]
    assert f"refs/heads/{branch}" in read(".github/workflows/publish.yml")


# Workflows -------------------------------------------------------------------------------------


def jobs(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"].values()


def steps(path):
    return [step for job in jobs(path) for step in job["steps"]]


def test_the_three_workflows_are_there():
    assert [path.stem for path in WORKFLOWS] == ["publish", "test", "weekly"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_runs_what_exists(path):
    for step in steps(path):
        command = step.get("run", "")
        assert set(re.findall(r"\bmake ([a-z-]+)", command)) <= make_targets(), command
        for word in re.findall(r"(?<![\w./-])(?:\.ci|tests|tools|book|course_lib)/[\w./-]+", command):
            assert (ROOT / word).exists(), command
        assert ("run" in step) != ("uses" in step)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_pins_its_actions_and_asks_for_little(path):
    workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert all(re.search(r"@v\d+$", step["uses"]) for step in steps(path) if "uses" in step)
    assert all("timeout-minutes" in job for job in jobs(path))
    assert workflow["permissions"] in ({}, {"contents": "read"})
    rights = {right for job in jobs(path) for right in job.get("permissions", {}).items()}
    writes = {name for name, kind in rights if kind == "write"}
    assert writes == ({"pages", "id-token", "contents"} if path.stem == "publish" else set())
    # Text that others write (titles, branches) never becomes a command.
    assert not any("github.event" in step.get("run", "") for step in steps(path))


def test_pushes_run_what_a_checkout_runs():
    commands = [step["run"] for step in steps(ROOT / ".github/workflows/test.yml") if "run" in step]
    assert commands == [".ci/run"]
    assert os.access(ROOT / ".ci/run", os.X_OK)
    assert re.search(r"\bmake test$", read(".ci/run").strip())


def test_the_oldest_python_is_the_one_the_package_names():
    oldest = PROJECT["requires-python"].removeprefix(">=")
    (job,) = jobs(ROOT / ".github/workflows/test.yml")
    versions = job["strategy"]["matrix"]["python"]
    assert versions[0] == oldest and len(versions) == 2
    assert read(".binder/runtime.txt").strip() == f"python-{oldest}"


# Binder ----------------------------------------------------------------------------------------


def requirement_names(lines):
    return {re.match(r"[\w-]+", line)[0].lower() for line in lines}


def test_binder_installs_what_the_package_needs_and_no_more():
    lines = [line.strip() for line in read(".binder/requirements.txt").splitlines()]
    listed = [line for line in lines if line and not line.startswith(("#", "-"))]
    assert requirement_names(listed) == requirement_names(PROJECT["dependencies"])
    assert "-c ../constraints.txt" in lines
    assert any("download.pytorch.org/whl/cpu" in line for line in lines)


def test_binder_adds_the_package_alone_and_stops_on_an_error():
    assert "\nset -e\n" in read(".binder/postBuild")
    assert "--no-deps" in read(".binder/postBuild")
    assert os.access(ROOT / ".binder/postBuild", os.X_OK)


# Files -----------------------------------------------------------------------------------------


def test_only_the_known_names_stand_at_the_top():
    assert {name.split("/")[0] for name in tracked()} - TOP_LEVEL == set()


def test_no_file_is_large():
    size = {name: (ROOT / name).stat().st_size for name in tracked()}
    most = {name: MOST_PICTURE_BYTES if Path(name).suffix in PICTURES else MOST_BYTES for name in size}
    assert [name for name in size if size[name] > most[name]] == []


def test_every_text_is_utf_8_and_without_marks_of_a_merge():
    marks = ("<" * 7 + " ", ">" * 7 + " ", "|" * 7 + " ")
    assert [name for name, text in texts() if any(line.startswith(marks) for line in text.splitlines())] == []


def test_no_output_is_committed():
    outputs = re.compile(r"\.ipynb$|\.pyc$|(^|/)(_build|\.venv|__pycache__)/|\.egg-info/|\.DS_Store$")
    assert [name for name in tracked() if outputs.search(name)] == []


def test_keys_of_references_are_author_year_word():
    keys = re.findall(r"^@\w+\{([^,]+),", read("book/references.bib"), re.MULTILINE)
    assert len(keys) == len(set(keys)) >= 10
    # A law has a number where a paper has an author and a year.
    assert [key for key in keys if not re.fullmatch(r"[a-z]+(1[5-9]|20)\d\d[a-z0-9]+|title13census", key)] == []


def test_dependencies_with_a_pin_are_inside_the_range():
    from packaging.requirements import Requirement

    pins = dict(line.split("==") for line in read("constraints.txt").split())
    everything = [*PROJECT["dependencies"], *sum(PROJECT["optional-dependencies"].values(), [])]
    for text in everything:
        requirement = Requirement(text)
        if requirement.name in pins:
            assert requirement.specifier.contains(pins[requirement.name]), text
