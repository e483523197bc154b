"""Saves a page as a small picture."""

from pathlib import Path

import cv2
import numpy as np

from tests.browser.chromium import chromium

SIZE = {"width": 1400, "height": 900}
COARSE = 0xF0
"""The bits of each colour that are kept: the picture is smaller so, and looks the same."""
MOST_BYTES = 300_000


class TooLarge(RuntimeError):
    """A picture is larger than the pages should carry."""


async def save(content: str, path: Path) -> None:
    """Draw a page in Chromium, and save all of it as PNG. Raises: TooLarge."""
    async with chromium() as browser:
        page = await browser.new_page(viewport={"width": SIZE["width"], "height": SIZE["height"]})
        await page.set_content(content)
        taken = await page.screenshot(full_page=True)
    pixels = cv2.imdecode(np.frombuffer(taken, np.uint8), cv2.IMREAD_COLOR)
    coarse = (pixels & COARSE) | (pixels >> 4)
    written = cv2.imencode(".png", coarse, [cv2.IMWRITE_PNG_COMPRESSION, 9])[1].tobytes()
    if len(written) > MOST_BYTES:
        raise TooLarge(f"{path.name} has {len(written)} bytes, of at most {MOST_BYTES}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(written)
