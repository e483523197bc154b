"""A person signs in, is sent back to where they were, and stays signed in when the page warns them."""

import pytest

from tests.browser.console import Console, fill_sign_in, follow, next_code, press, see

pytestmark = pytest.mark.browser

WARNED_AFTER = "29:30"
"""Time without use, of the 30 minutes of the policy, after which an open page warns."""


@pytest.mark.smoke
async def test_a_person_signs_in_again_to_the_page_where_they_were_and_stays_when_warned(
    browser, stack, town
):
    person = town.people["dispatcher"]
    async with await Console.of(browser, stack.urls["console"]) as console:
        page = await console.sign_in(person)
        await follow(page, "Hot lists")
        here = console.path_of(page)

        other = await console.context.new_page()
        await other.goto(f"{console.address}/")
        await press(other, "Sign out")
        await page.reload()
        await page.get_by_role("heading", name="Sign in").wait_for()
        console.complaints.expect(401, here)

        await fill_sign_in(page, person, "000000")
        await see(page, "the username, password or second factor is wrong")
        assert await page.get_by_label("User name").input_value() == person.username
        assert await page.get_by_role("alert").evaluate("fault => fault === document.activeElement")
        console.complaints.expect(401, "/sign-in")
        await fill_sign_in(page, person, await next_code(person))
        await page.get_by_role("heading", name="Hot lists").wait_for()
        assert console.path_of(page) == here

        await page.clock.install()
        await page.reload()
        await page.clock.fast_forward(WARNED_AFTER)
        await page.get_by_role("alertdialog", name="Are you still there?").wait_for()
        stay = page.get_by_role("button", name="Stay signed in")
        assert await stay.evaluate("button => button === document.activeElement")
        async with page.expect_response(lambda answer: answer.url.endswith("/active")) as noted:
            await stay.click()
        assert (await noted.value).status == 204
        await page.get_by_role("alertdialog").wait_for(state="hidden")
        await page.clock.fast_forward(WARNED_AFTER)
        await page.get_by_role("alertdialog").wait_for()
        await page.keyboard.press("Escape")
        await page.get_by_role("alertdialog").wait_for(state="hidden")
        assert console.complaints.found == []


async def test_use_of_one_window_keeps_the_page_in_another(console_of):
    console = await console_of("officer")
    page, other = [await console.context.new_page() for _ in range(2)]
    await console.open(page, "/purpose")
    await page.clock.install()
    await page.reload()
    await page.get_by_label("Justification").fill("what took a while to write")
    await page.clock.fast_forward("29:00")
    await other.goto(f"{console.address}/")
    await page.clock.fast_forward("00:59")
    await page.clock.fast_forward("00:02")
    assert not await page.get_by_role("alertdialog").count()
    assert console.path_of(page) == "/purpose"
    await page.clock.fast_forward("28:30")
    await page.get_by_role("alertdialog", name="Are you still there?").wait_for()
    for no_use in ("/policy", "/idle", "/nothing-here"):
        await other.goto(f"{console.address}{no_use}")
        assert await page.get_by_role("alertdialog").is_visible(), no_use
    console.complaints.expect(404, "/nothing-here")
    await other.goto(f"{console.address}/")
    await page.get_by_role("alertdialog").wait_for(state="hidden")
    assert await page.get_by_label("Justification").input_value() == "what took a while to write"
    await page.close()
    await other.close()
