"""Another agency's request is approved by a person who provisioned neither the agency nor its requester."""

import pytest

from tests.browser.console import declare, fill, follow, press, see, tick

pytestmark = pytest.mark.browser


async def opened(console, request_id):
    """Open a request from the queue, as its reviewer does; returns its page."""
    page = await console.context.new_page()
    await console.open(page, "/")
    await follow(page, "Releases")
    if await page.get_by_role("link", name="declare a purpose").count():
        await follow(page, "declare a purpose")
        await declare(page, "release")
    async with page.expect_navigation():
        await page.locator(f"a[href$='/releases/{request_id}']").click()
    await page.get_by_role("heading", name="Request of Tehama County Sheriff").wait_for()
    return page


async def test_a_request_is_refused_to_who_registered_the_agency_and_approved_by_another(
    console_of, town
):
    registrar, reviewer = await console_of("alpr_administrator"), await console_of("lieutenant")
    for console in (registrar, reviewer):
        console.complaints.found.clear()
    page = await opened(registrar, town.second_request)
    await see(page, "You cannot decide on it:")
    assert not await page.get_by_role("button", name="Record the decision").count()
    await page.close()

    page = await opened(reviewer, town.second_request)
    await tick(page, "Approve")
    await fill(page, reason="The county's case names the vehicle, and the window fits it")
    await press(page, "Record the decision")
    await see(page, "approved")
    await see(page, "The county's case names the vehicle")
    packed = page.get_by_role("term").filter(has_text="Packed")
    while not await packed.count():
        await page.reload()
    await see(page, "not yet")
    await page.close()
    assert [console.complaints.found for console in (registrar, reviewer)] == [[], []]
