"""Enrols people in a browser, as their sheets and authenticators would have it."""

import cv2
import numpy as np
import pyotp
from playwright.async_api import Locator, Page

from local.demo.client import TOTP_STEP_S, Api, Person
from tests.browser.console import fill, press, see

LARGER = (4, 3, 6, 2, 8, 5)
"""How much larger than on the screen a picture of a code is read, until it is, since OpenCV misses some."""

QUIET_PX = 16
"""The white border that a code needs."""


async def read_code(shown: Locator) -> str:
    """Return the text of a QR code on a page, as a telephone's camera would."""
    picture = cv2.imdecode(np.frombuffer(await shown.screenshot(), np.uint8), cv2.IMREAD_GRAYSCALE)
    framed = np.pad(picture, QUIET_PX, constant_values=255)
    found = (_decoded(framed, times) for times in LARGER)
    text = next(filter(None, found), "")
    assert text, "no QR code can be read"
    return text


def _decoded(picture: np.ndarray, times: int) -> str:
    larger = cv2.resize(picture, None, fx=times, fy=times, interpolation=cv2.INTER_NEAREST)
    text, _, _ = cv2.QRCodeDetectorAruco().detectAndDecode(larger)
    return text


async def enrol(page: Page, api: Api, name: str, username: str, title: str) -> Person:
    """Enrol with the invitation that an open page has; returns the person, who then signs in with the next code."""
    password = "violet harbor lantern"
    await fill(page, password=password, password_again=password)
    await press(page, "Go on")
    await see(page, "Step 2 of 2")
    link = await read_code(page.get_by_role("img", name="QR code of the key"))
    known = pyotp.parse_uri(link)
    assert isinstance(known, pyotp.TOTP)
    now = int(await page.evaluate("Date.now() / 1000"))
    await fill(page, totp=known.at(now))
    await press(page, "Finish")
    await see(page, "The account is active.")
    return Person(
        api, username, name, title, account_id="", password=password, totp_secret=known.secret,
        last_totp_step=now // TOTP_STEP_S,
    )  # fmt: skip
