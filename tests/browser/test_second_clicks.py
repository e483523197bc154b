"""People who click twice, or send a form again while its answer is under way."""

import asyncio
from uuid import uuid4

import pytest

from tests.browser.console import declare, fill, press, see
from tests.browser.department import SEEN

pytestmark = pytest.mark.browser


async def click_twice(page, name):
    """Click a button, and again half a second later, while the answer to the first click is under way."""
    button = page.get_by_role("button", name=name)
    await button.scroll_into_view_if_needed()
    box = await button.bounding_box()
    assert box
    for wait_s in (0.5, 0):
        await page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        await asyncio.sleep(wait_s)


async def test_a_second_click_does_not_take_a_credential_that_is_shown_once(console_of):
    console = await console_of("alpr_administrator")
    page = await console.context.new_page()
    await console.open(page, "/cameras/new")
    await fill(page, name=f"Second St {uuid4()}", latitude="39.9", longitude="-122.2")
    sent = []

    async def slow(route):
        if route.request.method != "POST":
            await route.continue_()
            return
        sent.append(route)
        answer = await route.fetch()
        await asyncio.sleep(2)
        await route.fulfill(response=answer)

    await page.route("**/cameras/new", slow)
    await click_twice(page, "Register, and show the credential")
    await see(page, "you see it only once")
    assert await page.locator("dd code.secret").first.inner_text()
    assert len(sent) == 1
    await page.close()


async def test_a_file_may_be_saved_again(console_of):
    console = await console_of("investigator")
    page = await console.context.new_page()
    await console.open(page, "/search")
    if console.path_of(page) == "/purpose":
        await declare(page, "criminal_investigation")
    await fill(page, plate=SEEN)
    await press(page, "Search")
    for _ in range(2):
        async with page.expect_download():
            await page.get_by_role("button", name="Save the file").click()
    await page.close()
