"""Each page as each role: opened, or refused in words; nothing fails in the browser."""

from urllib.parse import urlsplit

import pytest

from tests.browser.console import Complaints, in_tabs
from tests.browser.pages import OPEN, needed_to_open, needed_to_send, pages

pytestmark = pytest.mark.browser

OFFERED = """() => [
    [...document.querySelectorAll("a[href^='/'], a[href^='http']")].map((link) => link.href),
    [...document.querySelectorAll("form[method=post]")].map((form) => form.action),
]"""
"""The addresses of the links and of the forms on a page."""

ROLES = ("officer", "dispatcher", "investigator", "alpr_administrator", "training_sergeant",
         "custodian", "auditor", "agency_requester")  # fmt: skip
SMOKE = frozenset({"officer", "investigator"})
AS_ROLES = [pytest.param(r, marks=[pytest.mark.smoke] if r in SMOKE else []) for r in ROLES]


def test_every_role_of_the_policy_is_tested(rights):
    assert set(rights) == set(ROLES)


@pytest.mark.parametrize("role", AS_ROLES)
async def test_a_role_opens_its_pages_and_is_refused_the_others(console_of, town, rights, role):
    console = await console_of(role)
    faults = []
    complaints = console.complaints.found  # of both tabs
    complaints.clear()

    async def visit(page, one):
        path = one.at(town.ids)
        if one.permission and one.permission not in rights[role]:
            answer = await fetched(console.context, f"{console.address}{path}", max_redirects=0)
            if answer.status != 403:
                faults.append(f"{path}: {answer.status}, not 403")
            return
        answer = await console.open(page, path)
        if answer.status != 200 or complaints:
            faults.append(f"{path}: {answer.status} {complaints}")
        complaints.clear()
        faults.extend(f"{path} offers {one}" for one in await refused(page, console, rights[role]))

    await in_tabs(console.context, pages(), visit)
    assert not faults, "\n".join(faults)


async def fetched(context, address, **options):
    """Return the answer to a GET with a browser's cookies, asked again where the server had closed an idle connection.

    The server closes a connection after 5 s without a request. A request sent at that moment gets ECONNRESET;
    browsers send it again, Playwright's own client only with `max_retries`.
    """
    return await context.request.get(address, max_retries=3, **options)


async def refused(page, console, held):
    """Return the links and forms on an open page that would be refused to a person with these permissions."""
    links, forms = await page.evaluate(OFFERED)
    root = urlsplit(console.address)
    own = [link for link in links if urlsplit(link).netloc == root.netloc]
    needed = [(link, needed_to_open(path_below(link, root))) for link in own]
    needed += [(form, needed_to_send(path_below(form, root))) for form in forms]
    return [
        f"{address}, which needs {permission}"
        for address, permission in needed
        if permission not in {"", *held}
    ]


def path_below(address, root):
    """Return the path of an address below the console's."""
    return urlsplit(address).path.removeprefix(root.path) or "/"


@pytest.mark.smoke
async def test_a_visitor_sees_the_public_pages_and_is_asked_to_sign_in_for_the_others(
    browser, stack, town
):
    address, faults = stack.urls["console"], []
    context = await browser.new_context()
    page = await context.new_page()
    complaints = Complaints()
    complaints.follow(page)
    for path in sorted(OPEN):
        answer = await page.goto(f"{address}{path}")
        if answer.status != 200 or complaints.found:
            faults.append(f"{path}: {answer.status} {complaints.found}")
        complaints.found.clear()
    for one in pages():
        answer = await fetched(context, f"{address}{one.at(town.ids)}")
        if answer.status not in (200, 401) or "Sign in</button>" not in await answer.text():
            faults.append(f"{one.route}: {answer.status} without a form to sign in")
    await context.close()
    assert not faults, "\n".join(faults)
