"""Starts Debian's Chromium. Playwright would download a browser of its own; this one is installed with apt."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Browser, async_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")


class NoChromium(RuntimeError):
    """No Chromium is installed."""


def executable() -> str:
    """Return the path of the installed Chromium. Raises: NoChromium, which says how to install it."""
    for name in NAMES:
        if path := shutil.which(name):
            return path
    raise NoChromium(
        "Chromium is not installed: `apt-get install --no-install-recommends chromium`"
    )


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Run Chromium without a window. Raises: NoChromium."""
    path = executable()
    async with async_playwright() as playwright:
        # Containers give Chromium neither user namespaces nor much shared memory.
        arguments = ["--no-sandbox", "--disable-dev-shm-usage"]
        browser = await playwright.chromium.launch(executable_path=path, args=arguments)
        try:
            yield browser
        finally:
            await browser.close()
