"""The console in a browser, as one person: signs in, opens pages, declares the purposes that they ask for."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import pyotp
from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    Response,
)
from playwright.async_api import (
    TimeoutError as TimedOut,
)

from local.demo.client import TOTP_STEP_S, Person
from local.demo.sign_ins import AHEAD_STEPS
from tests.browser.department import WHY

WIDE = {"width": 1280, "height": 800}
LEFT = "net::ERR_ABORTED"
"""What Chromium calls a request whose page is left: such as a stream of alerts."""
PHONE = {"width": 390, "height": 844}
TABS = 2


@dataclass
class Complaints:
    """What a browser complained about on a page: of scripts, of refused or failed requests."""

    found: list[str] = field(default_factory=list)

    def follow(self, page: Page) -> None:
        """Collect the complaints of one page from now on."""
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.found.append(f"script: {error}"))
        page.on("requestfailed", self._failed)
        page.on("response", self._answered)

    def expect(self, status: int, path: str) -> None:
        """Drop the complaints of one refusal that a test provokes, which must be there; `path` is the page's own."""
        [refusal] = [
            one for one in self.found if re.fullmatch(f"{status}: .*{re.escape(path)}", one)
        ]
        self.found.remove(refusal)
        text = f"the server responded with a status of {status} "
        self.found[:] = [one for one in self.found if text not in one]

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.found.append(f"console: {message.text}")

    def _failed(self, request: Request) -> None:
        if request.failure != LEFT:
            self.found.append(f"failed: {request.method} {urlsplit(request.url).path}")

    def _answered(self, response: Response) -> None:
        if response.status >= 400:
            self.found.append(f"{response.status}: {urlsplit(response.url).path}")


class Console:
    """The console as one person has it; the pages of one context share its cookies."""

    def __init__(self, context: BrowserContext, address: str) -> None:
        self.context = context
        self.address = address
        self.complaints = Complaints()
        """Of all pages of this browser."""
        context.on("page", self.complaints.follow)

    @classmethod
    async def of(cls, browser: Browser, address: str) -> Self:
        """Open a browser without cookies."""
        context = await browser.new_context(viewport=WIDE, service_workers="block")
        context.set_default_timeout(30_000)
        return cls(context, address)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        await self.context.close()

    async def sign_in(self, person: Person) -> Page:
        """Sign a person in through the form; returns the page where they start."""
        page = await self.context.new_page()
        await page.goto(f"{self.address}/sign-in")
        await fill_sign_in(page, person, await next_code(person))
        await page.get_by_role("heading", name=f"Signed in as {person.name}").wait_for()
        return page

    async def open(self, page: Page, path: str) -> Response:
        """Open a page; declares the purpose that it asks for first. Returns the answer that shows the page."""
        answer = await page.goto(f"{self.address}{path}")
        if self.path_of(page) == "/purpose" and not path.startswith("/purpose"):
            answer = await declare(page)
        assert answer is not None, path
        return answer

    def path_of(self, page: Page) -> str:
        """Return the path of an open page, below the console's address."""
        return urlsplit(page.url).path.removeprefix(urlsplit(self.address).path)


async def in_tabs(
    context: BrowserContext, ones: Iterable[Any], visit: Callable[[Page, Any], Awaitable[None]]
) -> None:
    """Visit each in one of `TABS` tabs: while one tab is drawn, the server works for the other."""
    waiting = iter(ones)

    async def tab() -> None:
        page = await context.new_page()
        for one in waiting:
            await visit(page, one)
        await page.close()

    async with asyncio.TaskGroup() as tabs:
        for _ in range(TABS):
            tabs.create_task(tab())


async def declare(page: Page, kind: str = "") -> Response:
    """Declare a purpose, of the chosen or else the first kind unless one is named; returns the answer that follows."""
    kinds = page.get_by_label("Purpose", exact=True)
    if kind:
        await kinds.select_option(kind)
    elif not await kinds.input_value():
        await kinds.select_option(index=1)
    await page.get_by_label("Type of offence").fill(WHY["offence_type"])
    await page.get_by_label("Case number").fill(WHY["case_number"])
    await page.get_by_label("Justification").fill(WHY["justification"])
    async with page.expect_navigation() as shown:
        await page.get_by_role("button", name="Declare the purpose").click()
    answer = await shown.value
    assert answer is not None
    return answer


async def fill_sign_in(page: Page, person: Person, code: str) -> None:
    """Fill the form to sign in, and send it."""
    await page.get_by_label("User name").fill(person.username)
    await page.get_by_label("Password").fill(person.password)
    await page.get_by_label("Code").fill(code)
    await press(page, "Sign in")


async def press(page: Page, name: str) -> None:
    """Press the button of a form, and wait for the page that answers it."""
    async with page.expect_navigation():
        await page.get_by_role("button", name=name, exact=True).click()


async def follow(page: Page, name: str) -> None:
    """Follow the first link of this name, and wait for its page."""
    async with page.expect_navigation():
        await page.get_by_role("link", name=name, exact=True).first.click()


async def see(page: Page, text: str | re.Pattern[str]) -> None:
    """Wait until the page shows a text; a failure has what it shows instead."""
    try:
        await page.get_by_text(text).first.wait_for()
    except TimedOut:
        shown = await page.locator("main").inner_text()
        raise AssertionError(f"{page.url} does not show {text!r}:\n{shown}") from None


async def fill(page: Page, **fields: str) -> None:
    """Fill the fields of a form by their names."""
    for name, value in fields.items():
        control = page.locator(f"#{name}")
        if await control.evaluate("element => element.tagName") == "SELECT":
            await control.select_option(value)
        else:
            await control.fill(value)


async def tick(page: Page, *names: str) -> None:
    """Tick the boxes and choices of these names, which begin their labels."""
    for name in names:
        await page.get_by_label(re.compile(rf"^\s*{re.escape(name)}")).check()


async def next_code(person: Person) -> str:
    """Return a person's next unused one-time code; waits until identity accepts it, half a minute at most."""
    person.last_totp_step = max(int(time.time()) // TOTP_STEP_S, person.last_totp_step + 1)
    accepted_from = (person.last_totp_step - AHEAD_STEPS) * TOTP_STEP_S
    await asyncio.sleep(max(0.0, accepted_from - time.time()))
    return pyotp.TOTP(person.totp_secret).generate_otp(person.last_totp_step)
