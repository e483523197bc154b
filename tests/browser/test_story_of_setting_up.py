"""A fresh department is set up in a browser: from the set-up link to the first hit of its own camera."""

import asyncio
import json
import re
import sys
from contextlib import AsyncExitStack

import httpx
import pytest

from local.demo.client import Api
from local.demo.department import identity_settings
from local.demo.listing import Entry, as_csv
from local.stack.launch import running
from local.stack.servers import ROOT
from services.identity.actions.set_up import open_link
from tests.browser.console import (
    Console,
    declare,
    fill,
    fill_sign_in,
    follow,
    next_code,
    press,
    see,
    tick,
)
from tests.browser.enrolling import enrol, read_code
from tests.e2e.frames import frame, plates

pytestmark = pytest.mark.browser

LISTED = plates(40)
FAULTY = len(LISTED)
"""The number of the entry that has a fault: its line follows the header and those before it."""


async def delivered_by_operator(folder, username):
    """Return the invitation that the operator's command on the host shows, as the page says."""
    command = [sys.executable, "-m", "plateward", "deliver-invitation"]
    process = await asyncio.create_subprocess_exec(
        *command,
        "--username",
        username,
        "--folder",
        str(folder),
        "--json",
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await process.communicate()
    return json.loads(said)["invitation_token"]


async def invite(page, name, username, title, role, *sources):
    """Invite a person, from the page of people."""
    await follow(page, "People")
    await follow(page, "Invite a person")
    await fill(page, name=name, username=username, title=title)
    await tick(page, role, *sources)
    await press(page, "Invite")
    await see(page, f"{name} is invited")


async def record_training(page, name):
    """Record a person's training of today."""
    await follow(page, "Training")
    [label] = [t for t in await page.locator("#account_id option").all_inner_texts() if name in t]
    await page.locator("#account_id").select_option(label=label)
    await press(page, "Record")
    await see(page, "Recorded: training until")


async def sign_in_after(page, person):
    """Sign in on the page that follows the enrolment."""
    await fill_sign_in(page, person, await next_code(person))
    await see(page, f"Signed in as {person.name}")


async def sign_in_again(page, person):
    """Sign out and in: a training on record counts from the next sign-in."""
    await press(page, "Sign out")
    await sign_in_after(page, person)


async def make_list(page):
    """Make a hot list, upload a file with a faulty line, correct nothing, and put the rest in force."""
    await follow(page, "Hot lists")
    await follow(page, "Make a list")
    await fill(page, name="Stolen vehicles", source="department")
    await press(page, "Make the list")
    await declare(page)  # plates come on a list of the department for a purpose only
    entries = [Entry(plate, "stolen_vehicle", "Reported stolen") for plate in LISTED]
    entries[FAULTY - 1] = Entry(LISTED[-1], "stolen_boat", "Reported stolen")
    await page.get_by_label("Put it in force at once").uncheck()
    sheet = {"name": "list.csv", "mimeType": "text/csv", "buffer": as_csv(entries).encode()}
    await page.locator("#file").set_input_files(sheet)
    await press(page, "Upload")
    await see(page, "version 1 is stored")
    await follow(page, "1")
    row = page.get_by_role("row").filter(has_text="stolen_boat")
    assert (await row.get_by_role("cell").first.inner_text()).strip().endswith(str(FAULTY + 1))
    await follow(page, "Hot lists")
    await follow(page, "Stolen vehicles")
    await follow(page, "Versions")
    await follow(page, "Put version 1 in force")
    await press(page, "Put version 1 in force")


async def test_a_department_is_set_up_from_the_link_to_the_first_hit(browser, tmp_path):
    async with AsyncExitStack() as opened:
        up = opened.enter_context(running(tmp_path, "--port", "0", within_s=400))
        api = await opened.enter_async_context(Api(up.urls))
        address = up.urls["console"]
        of_administrator, of_sergeant, of_officer = consoles = [
            await opened.enter_async_context(await Console.of(browser, address)) for _ in range(3)
        ]

        page = await of_administrator.context.new_page()
        link = await open_link(identity_settings(tmp_path))
        await page.goto(f"{address}/set-up#set_up={link.token}")
        await fill(page, name="Ana Ramirez", username="a.ramirez")
        await press(page, "Go on")
        await see(page, "Step 1 of 2")
        administrator = await enrol(
            page, api, "Ana Ramirez", "a.ramirez", "Administration Sergeant"
        )
        await sign_in_after(page, administrator)
        await see(page, "Nobody records training")
        await invite(page, "Tom Okafor", "t.okafor", "Training Sergeant", "Training sergeant")
        await see(page, "deliver-invitation --username t.okafor")

        hers = await of_sergeant.context.new_page()
        await hers.goto(f"{address}/enrolment")
        await fill(hers, invitation_token=await delivered_by_operator(tmp_path, "t.okafor"))
        sergeant = await enrol(hers, api, "Tom Okafor", "t.okafor", "Training Sergeant")
        await sign_in_after(hers, sergeant)
        await record_training(hers, "Ana Ramirez")

        await invite(
            page, "Ola Lindqvist", "o.lindqvist", "Police Officer", "Officer", "Department"
        )
        await see(page, "opens the page Invitations and prints the sheet")
        await follow(hers, "Invitations")
        await press(hers, "Print for Ola Lindqvist")
        sheet = await read_code(
            hers.get_by_role("img", name="QR code of the address with the invitation")
        )
        theirs = await of_officer.context.new_page()
        await theirs.goto(sheet)
        officer = await enrol(theirs, api, "Ola Lindqvist", "o.lindqvist", "Police Officer")
        await sign_in_after(theirs, officer)
        await see(theirs, "Most pages are not open to you yet")
        await record_training(hers, "Ola Lindqvist")

        await sign_in_again(page, administrator)
        await see(page, "No camera is registered.")
        await follow(page, "Register a camera")
        await fill(page, name="Solano St east", latitude="39.9277", longitude="-122.1792")
        await press(page, "Register, and show the credential")
        command = await page.locator("pre code").inner_text()
        await make_list(page)
        await see(page, "active")
        await follow(page, "Agencies")
        if await page.get_by_role("heading", name="Declare a purpose").count():
            await declare(page)
        await fill(
            page, name="Tehama County Sheriff", ori="CA0520000", kind="law_enforcement", state="CA",
            contact="records@tehama.example",
        )  # fmt: skip
        await press(page, "Register the agency")
        await see(page, "CA0520000")
        await page.goto(f"{address}/")
        await page.get_by_role("heading", name="Your pages").wait_for()
        assert not await page.get_by_text("Still missing in this department").count()

        await sign_in_again(theirs, officer)
        await follow(theirs, "Alerts")
        await see(theirs, "Connected: new alerts")
        credential, url = re.findall(r'Bearer ([^"]+)".*"(http[^"]+)"', command)[0]
        headers = {"Authorization": f"Bearer {credential}", "Content-Type": "image/jpeg"}
        async with httpx.AsyncClient() as camera:
            posted = await camera.post(url, headers=headers, content=frame(LISTED[0]))
        assert posted.is_success, posted.text
        await theirs.get_by_role("article").filter(has_text=f"Read {LISTED[0]}").wait_for()
        assert [console.complaints.found for console in consoles] == [[], [], []]
