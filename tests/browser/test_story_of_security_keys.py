"""A person adds a security key, ends codes, signs in with the key, and lets codes count again; Chromium has the key."""

import re

import pytest

from local.stack.process import page_address
from tests.browser.console import Console, fill, fill_sign_in, follow, next_code, press, see

pytestmark = pytest.mark.browser


async def plug_in(page):
    """Give a page's browser a security key whose owner touches it at once; returns how to unplug it."""
    devtools = await page.context.new_cdp_session(page)
    await devtools.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2", "transport": "usb", "hasResidentKey": True,
        "hasUserVerification": True, "isUserVerified": True, "automaticPresenceSimulation": True,
    }  # fmt: skip
    added = await devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})

    async def unplug():
        await devtools.send("WebAuthn.removeVirtualAuthenticator", added)

    return unplug


async def touch(page, name):
    """Press the button that asks for a key, and wait for the page that answers the form."""
    async with page.expect_navigation():
        await page.get_by_role("button", name=name).click()


async def test_a_person_signs_in_with_a_security_key_and_no_code(browser, stack, town):
    person = town.people["dispatcher"]
    address = page_address(stack.urls["console"])
    async with await Console.of(browser, address) as console:
        page = await console.sign_in(person)
        unplug = await plug_in(page)
        await page.goto(f"{address}/account")
        await follow(page, "Your security keys")
        await see(page, "You have none.")
        await follow(page, "Add a security key")
        await fill(page, current_password=person.password, totp=await next_code(person))
        await press(page, "Go on")
        await fill(page, name="key on my ring")
        async with page.expect_navigation():
            await page.keyboard.press("Enter")
        await see(page, "key on my ring")

        await follow(page, "Sign in with security keys only")
        await see(page, "add a second one first")
        await fill(page, current_password=person.password)
        await touch(page, "Use a security key and end codes")
        await see(page, "only your security keys count now")

        await press(page, "Sign out")
        await fill_sign_in(page, person, await next_code(person))
        await see(page, "the username, password or second factor is wrong")
        console.complaints.expect(401, "/sign-in")
        await fill(page, password=person.password)
        await touch(page, "Use a security key instead of a code")
        await page.get_by_role("heading", name=f"Signed in as {person.name}").wait_for()

        await page.goto(f"{address}/account/keys-only")
        await fill(page, current_password=person.password)
        await touch(page, "Use a security key and let codes count again")
        await see(page, "codes count too now")

        await unplug()
        await plug_in(page)  # another key, which was not added
        await page.goto(f"{address}/account/security-keys/removal")
        await page.get_by_label("Security key").select_option("key on my ring")
        await fill(page, current_password=person.password)
        await page.get_by_role("button", name="Use a security key instead of a code").click()
        await page.locator("#key-fault").get_by_text("No security key answered").wait_for()
        await fill(page, totp=await next_code(person))
        await press(page, "Remove the key")
        await see(page, "You have none.")
        assert console.complaints.found == []


async def test_where_keys_cannot_work_the_page_says_so(browser, stack):
    """At an address in digits no browser ties a key to the page."""
    async with await Console.of(browser, stack.urls["console"]) as console:
        page = await console.context.new_page()
        await plug_in(page)
        await page.goto(f"{console.address}/sign-in")
        await fill(page, username="p.ortiz", password="four plain words here")
        await page.get_by_role("button", name="Use a security key instead of a code").click()
        await see(page, re.compile("Security keys work at localhost only"))
        assert console.complaints.found == []
