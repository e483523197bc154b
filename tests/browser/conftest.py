"""One stack, one department and one Chromium for all tests of pages.

`BROWSER_STACK=folder` uses the stack that `python -m local --folder folder` keeps up, and the department that an
earlier run left there: without the start, a run of one test takes seconds.
"""

import os
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from playwright.async_api import Browser

from local.demo.client import Api
from local.stack.launch import running
from local.stack.servers import ROOT
from local.stack.state_file import Running, StateFile
from shared.core.policy import load_policy
from tests.browser.chromium import chromium
from tests.browser.console import Console
from tests.browser.department import Town, settle

STANDING = "BROWSER_STACK"


@pytest.fixture(scope="session")
def stack_folder() -> Iterator[Path]:
    """The data folder of the session's stack."""
    if standing := os.environ.get(STANDING):
        yield Path(standing)
        return
    with tempfile.TemporaryDirectory(prefix="plateward-browser-") as name:
        yield Path(name)


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Chromium; it comes before the stack, so that its absence fails at once."""
    async with chromium() as browser:
        yield browser


@pytest.fixture(scope="session")
def stack(browser: Browser, stack_folder: Path) -> Iterator[Running]:
    """The embedded stack, whole, as `make serve` runs it."""
    if STANDING in os.environ:
        up = StateFile(stack_folder / "stack.json").read()
        assert up is not None, f"no stack is up on {stack_folder}"
        yield up
        return
    signing = {"AUDIT_CHECKPOINT_S": "2"}  # a report waits for a checkpoint
    with running(stack_folder, "--port", "0", environment=signing, within_s=400) as up:
        yield up


@pytest.fixture(scope="session")
async def town(stack: Running, stack_folder: Path) -> AsyncIterator[Town]:
    """The department with its records."""
    left = stack_folder / "town.json"
    async with Api(stack.urls) as api:
        known = Town.load(left, api) if left.exists() else await settle(api, stack_folder)
        yield known
        known.save(left)


@pytest.fixture(scope="session")
async def console_of(
    stack: Running, browser: Browser, town: Town
) -> AsyncIterator[Callable[[str], Awaitable[Console]]]:
    """Return the console of a role, signed in on first use."""
    signed_in: dict[str, Console] = {}
    async with AsyncExitStack() as opened:

        async def console_of(role: str) -> Console:
            if role not in signed_in:
                console = await opened.enter_async_context(
                    await Console.of(browser, stack.urls["console"])
                )
                page = await console.sign_in(town.people[role])
                await page.close()
                signed_in[role] = console
            return signed_in[role]

        yield console_of


@pytest.fixture(scope="session")
def rights():
    """The permissions of each role, by the policy."""
    return load_policy(ROOT / "policy.toml").roles
