"""Put this folder's own helpers on the path of its tests, and let every test draw the same numbers each time."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))


@pytest.fixture(autouse=True)
def same_numbers():
    """For inputs whose values do not matter, drawn without a generator of their own."""
    import torch

    torch.manual_seed(0)
