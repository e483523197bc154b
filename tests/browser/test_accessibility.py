"""axe-core on every page, wide and narrow, light and dark, as the role that uses the page."""

import asyncio
from pathlib import Path

import axe_playwright_python
import pytest

from tests.browser.console import PHONE, WIDE, in_tabs
from tests.browser.pages import OPEN, pages

pytestmark = pytest.mark.browser

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
USERS = ("officer", "investigator", "alpr_administrator", "training_sergeant", "custodian",
         "auditor")  # fmt: skip
"""The roles that use pages; each page is tested as the first one that can open it."""

ALL, COLOURS = {}, {"runOnly": {"type": "tag", "values": ["cat.color"]}}
"""What axe checks: a dark page has the elements of the light one, so its colours alone can differ."""

VARIANTS = [
    (size, scheme, checks)
    for size in (WIDE, PHONE)
    for scheme, checks in (("light", ALL), ("dark", COLOURS))
]
WITHIN_S = 30.0
"""Longest run of axe on a page; Playwright waits for a script without end."""

RUN = """async (checks) => (await axe.run({resultTypes: ["violations"], ...checks})).violations.map(
    (found) => `${found.id} (${found.impact}): ${found.nodes.map((node) => node.target).join(", ")}`)"""
WIDER = "document.documentElement.scrollWidth > document.documentElement.clientWidth"


async def violations(page):
    """Return what axe finds on an open page in all four variants, and whether the page is wider than the window."""
    # The pages' Content-Security-Policy allows no script of ours: axe runs by the debugger, outside it.
    await page.evaluate(AXE)
    found = []
    for size, scheme, checks in VARIANTS:
        await page.set_viewport_size(size)
        await page.emulate_media(color_scheme=scheme)
        async with asyncio.timeout(WITHIN_S):
            said = await page.evaluate(RUN, checks)
        if await page.evaluate(WIDER):
            said.append("wider than the window")
        found += [f"{size['width']} {scheme}: {one}" for one in said]
    return found


def pages_of(role, rights):
    """Return the pages that are tested as a role."""

    def user_of(page):
        return next((user for user in USERS if page.permission in rights[user]), USERS[0])

    return [page for page in pages() if user_of(page) == role]


@pytest.mark.parametrize(
    "role",
    [pytest.param(role, marks=[pytest.mark.smoke] if role == "officer" else []) for role in USERS],
)
async def test_axe_finds_no_violation_on_the_pages_of_a_role(console_of, town, rights, role):
    console = await console_of(role)
    found = {}

    async def visit(page, one):
        await console.open(page, one.at(town.ids))
        if said := await violations(page):
            found[one.route] = said

    await in_tabs(console.context, pages_of(role, rights), visit)
    assert not found


@pytest.mark.smoke
async def test_axe_finds_no_violation_on_the_public_pages(browser, stack):
    context = await browser.new_context()
    found = {}

    async def visit(page, path):
        await page.goto(f"{stack.urls['console']}{path}")
        if said := await violations(page):
            found[path] = said

    await in_tabs(context, sorted(OPEN), visit)
    await context.close()
    assert not found


def test_every_page_is_tested_as_one_role(rights):
    tested = [page for role in USERS for page in pages_of(role, rights)]
    assert sorted(page.route for page in tested) == sorted(page.route for page in pages())
