"""`make screenshots`: the pictures of the README, taken in Chromium of a demonstration with rendered streets.

Every plate and person in them is made up: the streets are rendered, the people are those of the demonstration.
"""

import asyncio
import sys
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import cv2
import numpy as np
from playwright.async_api import Browser, Page
from rich.console import Console as Terminal

from local.demo.client import Api, Person
from local.demo.department import Department
from local.demo.frames import rendered
from local.demo.steps import play
from local.demo.story import Story
from local.stack.launch import running
from local.stack.servers import ROOT
from local.stack.state_file import Running
from tests.browser.chromium import chromium
from tests.browser.console import Console

FOLDER = ROOT / "docs" / "screenshots"
SCENES, SEED, EVERY_S = 12, 468, 0.5
SIZE = {"width": 1100, "height": 760}
MOST_BYTES = 150_000
PATIENCE_MS = 120_000
COARSE = 0xF8
"""The bits of each colour that are kept: a picture of a page is half as large so, and looks the same."""


class TooLarge(RuntimeError):
    """A picture is larger than the README should carry."""


async def main() -> int:
    """Save all pictures. Raises: TooLarge, and the errors of the demonstration."""
    FOLDER.mkdir(exist_ok=True)
    async with chromium() as browser:
        with tempfile.TemporaryDirectory(prefix="plateward-screenshots-") as name:
            folder = Path(name)
            with running(folder / "stack", "--port", "0") as up:
                await _alone(browser, up)
                story, people = await play(
                    up.urls,
                    folder,
                    list(rendered(SCENES, SEED)),
                    "rendered",
                    every_s=EVERY_S,
                    console=Terminal(quiet=True),
                )
                async with Api(up.urls) as api:
                    await _of_people(browser, up, api, people, story)
    return 0


async def _alone(browser: Browser, up: Running) -> None:
    """Show how the first administrator sets the department up, while there are no people."""
    async with await Console.of(browser, up.urls["console"]) as console:
        page = await _page(console)
        await page.goto(f"{console.address}/set-up")
        await page.get_by_label("Your name").fill("Ana Ramirez")
        await page.get_by_label("User name").fill("a.ramirez")
        await _save(page, "set-up")


async def _of_people(
    browser: Browser, up: Running, api: Api, people: Department, story: Story
) -> None:
    plate = story.alerts[0].plate_listed
    hit = story.alerts[0].hit_id

    async def search(console: Console, page: Page) -> None:
        await console.open(page, "/search")
        await page.get_by_label("Plate, as far as you know it").fill(plate)
        await page.get_by_role("button", name="Search").first.click()
        await page.get_by_text("Found:").wait_for()
        await page.wait_for_load_state("networkidle")

    async def open_at(console: Console, page: Page, path: str) -> None:
        await console.open(page, path)
        await page.wait_for_timeout(1000)

    shown: tuple[tuple[str, Person, Callable[[Console, Page], Awaitable[None]]], ...] = (
        ("start", people.administrator, lambda console, page: open_at(console, page, "/")),
        ("alerts", people.officer, lambda console, page: open_at(console, page, "/alerts")),
        ("hit", people.officer, lambda console, page: open_at(console, page, f"/hits/{hit}")),
        ("search", people.investigator, search),
        ("audit", people.auditor, lambda console, page: open_at(console, page, "/audit")),
    )
    consoles: dict[str, Console] = {}
    async with AsyncExitStack() as opened:
        for name, person, show in shown:
            person.api = api
            if person.username not in consoles:
                console = await opened.enter_async_context(
                    await Console.of(browser, up.urls["console"])
                )
                console.context.set_default_timeout(PATIENCE_MS)
                await (await console.sign_in(person)).close()
                consoles[person.username] = console
            page = await _page(consoles[person.username])
            await show(consoles[person.username], page)
            await _save(page, name)


async def _page(console: Console) -> Page:
    page = await console.context.new_page()
    await page.set_viewport_size(SIZE)
    return page


async def _save(page: Page, name: str) -> None:
    """Save what a page shows now as a small PNG. Raises: TooLarge."""
    shot = np.frombuffer(await page.screenshot(), np.uint8)
    picture = cv2.imdecode(shot, cv2.IMREAD_COLOR)
    path = FOLDER / f"{name}.png"
    cv2.imwrite(
        str(path), picture & np.uint8(COARSE) | np.uint8(7), [cv2.IMWRITE_PNG_COMPRESSION, 9]
    )
    size = path.stat().st_size
    print(f"{path.relative_to(ROOT)}: {size / 1000:.0f} kB")
    if size > MOST_BYTES:
        raise TooLarge(f"{path.name} has {size} bytes; {MOST_BYTES} at most")


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
