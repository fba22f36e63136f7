"""Put this folder's own helpers on the path of its tests."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from course_lib.reconstruction import acm_block, acm_truth, census_block, census_truth  # noqa: E402


@pytest.fixture
def acm():
    """The article's table: seven people, fourteen rows, seven suppressed."""
    return acm_block()


@pytest.fixture
def acm_people():
    """Its truth."""
    return acm_truth()


@pytest.fixture
def census():
    """The table of chapter 1, its means rounded with ties going down."""
    return census_block()


@pytest.fixture
def census_people():
    """Its truth."""
    return census_truth()
