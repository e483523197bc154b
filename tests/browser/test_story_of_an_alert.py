"""An alert arrives by itself; an officer verifies it and says what became of it."""

import pytest

from local.demo.camera import post
from local.demo.client import Api
from local.demo.story import Frame
from tests.browser.console import fill, follow, press, see, tick
from tests.browser.department import LISTED
from tests.e2e.frames import frame

pytestmark = pytest.mark.browser


@pytest.mark.smoke
async def test_an_alert_arrives_by_itself_and_is_verified_and_disposed_of(console_of, stack, town):
    console, plate = await console_of("officer"), LISTED[0]
    console.complaints.found.clear()
    page = await console.context.new_page()
    await console.open(page, "/")
    await follow(page, "Alerts")
    await see(page, "Connected: new alerts")
    cards = page.get_by_role("article").filter(has_text=f"Read {plate}")
    before = await cards.count()
    async with Api(stack.urls) as api:
        await post(api, town.camera, Frame("alert.jpg", frame(plate), "image/jpeg"))
    await cards.nth(before).wait_for()
    card = cards.first
    await card.get_by_text("UNVERIFIED", exact=True).wait_for()
    crop = card.get_by_role("img", name="The plate as the camera saw it")
    assert await crop.evaluate(
        "async (image) => { await image.decode(); return image.naturalWidth }"
    )
    async with page.expect_navigation():
        await card.get_by_role("link").click()

    await tick(page, "Arrest", "Yes")
    await fill(page, disposition="Vehicle stopped, driver arrested")
    await press(page, "Record the disposition")
    fault = page.get_by_role("alert")
    await fault.wait_for()
    assert "reason" in await fault.inner_text()
    box = await page.locator("#unverified_reason").bounding_box()
    assert box
    assert 0 <= box["y"] < 800, "the field that is at fault is in view"
    console.complaints.expect(422, f"{console.path_of(page)}")

    await fill(page, reference="CLETS 26-11-27/0412")
    await tick(page, "Correct read")
    await press(page, "Record the verification")
    await page.get_by_text("Verified: correct read").wait_for()
    await tick(page, "Arrest", "Yes")
    await fill(page, disposition="Vehicle stopped, driver arrested")
    await press(page, "Record the disposition")
    await page.get_by_role("definition").filter(has_text="Vehicle stopped").wait_for()
    await page.close()
    assert console.complaints.found == []
