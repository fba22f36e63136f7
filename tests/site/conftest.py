"""A headless browser for the tests of the built site."""

from shutil import which

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHROMIUM_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed: pip install -e '.[test]' brings it"
    )
    executable = next(filter(None, map(which, BROWSERS)), None)
    if executable is None:
        pytest.skip(f"no Chromium: install one as {' or '.join(BROWSERS)} to run the browser tests")
    with playwright.sync_playwright() as started:
        running = started.chromium.launch(executable_path=executable, args=CHROMIUM_FLAGS)
        yield running
        running.close()
