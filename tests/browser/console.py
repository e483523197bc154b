"""The console in a browser, as one person: signs in, opens pages, declares the purposes that they ask for."""

import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import pyotp
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, Request, Response

from local.demo.client import TOTP_STEP_S, Person
from local.demo.sign_ins import AHEAD_STEPS, wait_until
from tests.browser.department import WHY

WIDE = {"width": 1280, "height": 800}
LEFT = "net::ERR_ABORTED"
"""What Chromium calls a request whose page is left: such as a stream of alerts."""
PHONE = {"width": 390, "height": 844}


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
        await page.get_by_label("User name").fill(person.username)
        await page.get_by_label("Password").fill(person.password)
        await page.get_by_label("Code").fill(next_code(person))
        await page.get_by_role("button", name="Sign in").click()
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


async def declare(page: Page) -> Response:
    """Declare the first purpose that the form offers, unless one is chosen; returns the answer that follows."""
    kinds = page.get_by_label("Purpose", exact=True)
    if not await kinds.input_value():
        await kinds.select_option(index=1)
    await page.get_by_label("Type of offence").fill(WHY["offence_type"])
    await page.get_by_label("Case number").fill(WHY["case_number"])
    await page.get_by_label("Justification").fill(WHY["justification"])
    async with page.expect_navigation() as shown:
        await page.get_by_role("button", name="Declare the purpose").click()
    answer = await shown.value
    assert answer is not None
    return answer


def next_code(person: Person) -> str:
    """Return a person's next unused one-time code; waits until identity accepts it, half a minute at most."""
    person.last_totp_step = max(int(time.time()) // TOTP_STEP_S, person.last_totp_step + 1)
    wait_until((person.last_totp_step - AHEAD_STEPS) * TOTP_STEP_S)
    return pyotp.TOTP(person.totp_secret).generate_otp(person.last_totp_step)
