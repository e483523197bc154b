"""An officer finds a misread plate, says what its picture shows, and finds the read by either plate."""

import pytest

from tests.browser.console import declare, fill, follow, press, see
from tests.browser.department import SEEN

pytestmark = pytest.mark.browser
OTHER = "7PIC042"


async def searched(page, plate):
    await follow(page, "Search")
    if await page.get_by_role("heading", name="Declare a purpose").count():
        await declare(page)
    await fill(page, plate=plate)
    await press(page, "Search")


@pytest.mark.smoke
async def test_a_misread_is_corrected_and_found_by_either_plate(console_of):
    console = await console_of("officer")
    console.complaints.found.clear()
    page = await console.context.new_page()
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
    for plate in (SEEN, OTHER):
        await searched(page, plate)
        await see(page, f"corrected: the picture shows {OTHER}")
    await page.close()
    assert console.complaints.found == []
