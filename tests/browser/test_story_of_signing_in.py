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
        await see(page, "the username, password or code is wrong")
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
