"""A search finds a read; it is held, exported as evidence, and a copy of it is booked."""

import hashlib
from pathlib import Path

import pytest

from tests.browser.console import WHY, declare, fill, follow, press, see
from tests.browser.department import PASSED

pytestmark = pytest.mark.browser


async def saved(page, name):
    """Save the file of a link, and return its path."""
    async with page.expect_download() as begun:
        await page.get_by_role("link", name=name).click()
    return Path(await (await begun.value).path())


async def test_a_read_is_found_held_exported_and_booked_into_evidence(console_of):
    console = await console_of("investigator")
    console.complaints.found.clear()
    page = await console.context.new_page()
    await console.open(page, "/")
    await follow(page, "Search")
    if await page.get_by_role("heading", name="Declare a purpose").count():
        await declare(page)
    await fill(page, plate=PASSED, region="CA")
    await press(page, "Search")
    found = page.get_by_role("heading", name="Found:")
    assert await found.evaluate("heading => heading === document.activeElement")
    async with page.expect_navigation():
        await page.get_by_role("link", name=f"hold the read of {PASSED}").first.click()

    await fill(page, basis="criminal_action", description="Theft on Solano Street")
    await press(page, "Place the hold")
    await see(page, f"Hold for case {WHY['case_number']}")
    await press(page, "Export the records that it preserves now")
    again = page.get_by_role("link", name="Check whether the package is ready")
    while await again.count():
        async with page.expect_navigation():
            await again.click()
    package = await saved(page, "Save the package, to write it to a medium")
    await fill(
        page,
        evidence_number="E-26-0412-1",
        custodian_name="Cam Reyes",
        custodian_title="Custodian of Records",
        media_description="DVD-R, write once, in a sealed sleeve",
        media_serial="DVD-0001",
        sha256=hashlib.sha256(package.read_bytes()).hexdigest(),
    )
    await press(page, "Book it into evidence")
    await page.get_by_role("definition").filter(has_text="E-26-0412-1").wait_for()
    statement = await saved(page, "Save the signed statement of E-26-0412-1")
    assert statement.stat().st_size
    await page.close()
    assert console.complaints.found == []
