"""An officer finds a misread plate and says what its picture shows; the read is found by either plate, and who
watches alerts sees it at once."""

import pytest

from local.demo.camera import post
from local.demo.client import Api
from local.demo.story import Frame
from tests.browser.console import declare, fill, follow, press, see
from tests.browser.department import SEEN
from tests.e2e.frames import frame

pytestmark = pytest.mark.browser
OTHER = "7PIC042"


async def searched(page, plate):
    await follow(page, "Search")
    if await page.get_by_role("heading", name="Declare a purpose").count():
        await declare(page)
    await fill(page, plate=plate)
    await press(page, "Search")


@pytest.mark.smoke
async def test_a_misread_is_corrected_and_found_by_either_plate(console_of, stack, town):
    console = await console_of("officer")
    console.complaints.found.clear()
    page, alerts = await console.context.new_page(), await console.context.new_page()
    await console.open(alerts, "/alerts")
    card = alerts.get_by_role("article").filter(has_text=f"Read {SEEN}").first
    if not await card.count():  # those of other stories came after it
        async with Api(stack.urls) as api:
            await post(api, town.camera, Frame("passing.jpg", frame(SEEN), "image/jpeg"))
    await card.wait_for()
    await console.open(page, "/")
    await searched(page, SEEN)
    async with page.expect_navigation():
        await page.get_by_role("link", name=f"correct the read of {SEEN}").first.click()
    crop = page.get_by_role("img", name="The plate as the camera saw it")
    assert await crop.evaluate(
        "async (image) => { await image.decode(); return image.naturalWidth }"
    )

    await fill(page, plate=SEEN, reason="Nothing is wrong with it")
    await press(page, "Record the correction")
    fault = page.get_by_role("alert")
    await fault.wait_for()
    assert "has that plate and state already" in await fault.inner_text()
    console.complaints.expect(409, console.path_of(page))

    await fill(page, plate=OTHER, reason="The picture shows another plate")
    await press(page, "Record the correction")
    await see(page, f"{OTHER}: The picture shows another plate")
    caution = f"A person compared the picture, and saw another plate: {OTHER}"
    await card.get_by_text(caution).wait_for()
    async with alerts.expect_navigation():
        await card.get_by_role("link").click()
    await see(alerts, caution)
    for plate in (SEEN, OTHER):
        await searched(page, plate)
        await see(page, f"corrected: the picture shows {OTHER}")
    await page.close()
    await alerts.close()
    assert console.complaints.found == []
