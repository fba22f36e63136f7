"""Where to start and the map name every chapter, with the minutes that its pages state."""

import re

import pytest
from course_pages import ROOT, chapters

PATHS = (ROOT / "book" / "where_to_start.md").read_text(encoding="utf-8")
MAP = (ROOT / "book" / "map.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| \[(\d+) [^\]]+\]\(([^)]+)\) \| (\d+) minutes \| (\d+) minutes \|$", re.MULTILINE)


def link(path):
    return path.relative_to(ROOT / "book").as_posix()


def stated_minutes(text):
    """The reading time in a chapter's *At a glance*."""
    return int(re.search(r"\*\*Reading\s+time\*\*\s+(\d+)\s+minutes", text)[1])


def table(text):
    """Path of a chapter -> (its number, minutes of reading), as the table of *Where to start* says."""
    return {path: (int(number), int(reading)) for number, path, reading, _ in ROW.findall(text)}


def test_the_table_has_every_chapter_once_and_numbers_them_in_order():
    rows = table(PATHS)
    assert set(rows) == {link(path) for path in chapters()}
    assert [number for number, _ in rows.values()] == list(range(1, len(rows) + 1))


@pytest.mark.parametrize("path", chapters(), ids=link)
def test_the_minutes_are_those_of_the_page(path):
    assert table(PATHS)[link(path)][1] == stated_minutes(path.read_text(encoding="utf-8"))


def exercise_minutes(text):
    """The minutes of a page's exercises together, as their headings name them."""
    return sum(map(int, re.findall(r"^## Exercise \d+: .*, (\d+) minutes, \w+\)$", text, re.MULTILINE)))


@pytest.mark.parametrize("path", chapters(), ids=link)
def test_the_minutes_of_the_exercises_are_their_sum(path):
    counted = exercise_minutes((ROOT / "solutions" / link(path)).read_text(encoding="utf-8"))
    (stated,) = (int(minutes) for _, page, _, minutes in ROW.findall(PATHS) if page == link(path))
    # Chapter 15 has a finding to write, which has no heading with minutes.
    assert counted > 0 and (stated > counted if "capstone" in link(path) else stated == counted)


@pytest.mark.parametrize("path", chapters(), ids=link)
def test_the_map_and_the_paths_link_the_chapter(path):
    assert f"]({link(path)})" in MAP and f"]({link(path)})" in PATHS


def test_other_minutes_would_be_seen():
    changed = PATHS.replace("| 35 minutes |", "| 36 minutes |", 1)
    assert changed != PATHS and table(changed) != table(PATHS)
    assert stated_minutes("**Reading\ntime** 7 minutes; **run time** short") == 7
