"""The page of alerts calls an officer who looks elsewhere, and keeps what they read in its place."""

import json
import random
import re
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from playwright.async_api import expect

from local.demo.client import Api
from tests.browser.console import declare, fill, press, see

pytestmark = pytest.mark.browser

CAUTION = "Armed and dangerous"
WATCHED = """
    window.tones = 0;
    const made = AudioContext.prototype.createOscillator;
    AudioContext.prototype.createOscillator = function () {
        window.tones += 1;
        return made.call(this);
    };
    window.notices = [];
    window.Notification = class extends EventTarget {
        static permission = "granted";
        static asked = 0;
        static async requestPermission() {
            Notification.asked += 1;
            return "granted";
        }
        close() {
            window.isTakenBack = true;
        }
        constructor(title, options) {
            super();
            window.notices.push({ title, ...options });
        }
    };
"""
"""Counts the tones, and keeps notifications instead of showing them: a window of tests has no desktop."""

SOUNDS = "A sound calls you to alerts of high priority"
ELSEWHERE = "document.hasFocus = () => false"


@pytest.fixture(scope="session")
async def hotlist_path(console_of):
    """The path of a hot list of these tests, without its entries."""
    investigator = await console_of("investigator")
    page = await investigator.context.new_page()
    await investigator.open(page, "/hotlists/new")
    await fill(page, name=f"Alerts {uuid4()}", source="department")
    await press(page, "Make the list")
    if investigator.path_of(page) == "/purpose":
        await declare(page)
    path = investigator.path_of(page).removesuffix("/upload")
    await page.close()
    return path


@pytest.fixture
async def raised(console_of, stack, town, hotlist_path):
    """Raises an alert of a new plate, of high priority or of medium; returns its plate."""
    investigator = await console_of("investigator")

    async def raised(kind="stolen_vehicle", caution=""):
        plate = (
            f"8{''.join(random.choices('ABCDEFGHJKLMNPRSTUVWXYZ', k=3))}{random.randint(100, 999)}"
        )
        page = await investigator.context.new_page()
        await investigator.open(page, f"{hotlist_path}/new")
        await fill(
            page, plate=plate, state="CA", record_kind=kind, reason="A test", caution=caution
        )
        await fill(page, year="2019", make="Toyota")
        await press(page, "Add the entry")
        await page.close()
        read = {
            "plate": plate,
            "source_id": plate,
            "confidence": 0.97,
            "region": "US-CA",
            "captured_at": datetime.now(UTC).isoformat(),
        }
        headers = {"Authorization": f"Bearer {town.camera.credential}"}
        async with Api(stack.urls) as api:
            await api.must("ingest", "POST", "/v1/reads", json=[read], headers=headers)
        return plate

    return raised


@pytest.fixture
async def page(console_of):
    """The page of alerts of an officer, in a window of its own."""
    console = await console_of("officer")
    page = await console.context.new_page()
    await page.add_init_script(WATCHED)
    await console.open(page, "/alerts")
    await see(page, "Connected: new alerts")
    yield page
    await page.evaluate("localStorage.clear()")
    await page.close()


def card_of(page, plate):
    """Return the card of a plate."""
    return page.get_by_role("article").filter(has_text=plate)


async def plates_in_order(page, *plates):
    """Return these plates in the order in which the page has their cards."""
    texts = await page.get_by_role("article").all_inner_texts()
    found = [plate for text in texts for plate in plates if plate in text]
    return list(dict.fromkeys(found))


async def test_unseen_alerts_are_counted_in_the_title_until_a_person_sees_them(page, raised):
    await expect(page).to_have_title(re.compile("^Alerts"))
    plate = await raised(caution=CAUTION)
    card = card_of(page, plate)
    await card.get_by_text("new", exact=True).wait_for()
    await expect(page).to_have_title(re.compile(r"^\(1\) Alerts"))
    assert (await card.inner_text()).startswith("Caution")
    await see(page, CAUTION)
    await see(page, "1 new alert, 1 of high priority")
    await page.wait_for_timeout(3000)
    await expect(page).to_have_title(re.compile(r"^\(1\) Alerts"))
    await page.get_by_role("button", name="Show the first").click()
    assert await card.locator("a").first.evaluate("link => link === document.activeElement")
    await page.wait_for_timeout(2500)
    await page.mouse.move(100, 100)
    await expect(page).to_have_title(re.compile("^Alerts"))
    await expect(page.locator("#unseen")).to_be_hidden()
    assert await card.get_by_text("new", exact=True).count() == 0


async def test_an_urgent_alert_stays_above_later_ones_until_it_is_seen(page, raised):
    urgent = await raised()
    await card_of(page, urgent).wait_for()
    other = await raised(kind="canvass")
    await card_of(page, other).wait_for()
    assert await plates_in_order(page, urgent, other) == [urgent, other]
    later = await raised()
    await card_of(page, later).wait_for()
    assert await plates_in_order(page, urgent, other, later) == [later, urgent, other]
    await expect(page).to_have_title(re.compile(r"^\(3\) Alerts"))


async def test_what_an_officer_reads_keeps_its_place_when_an_alert_arrives(page, raised):
    for _ in range(2):
        await card_of(page, await raised(kind="canvass")).wait_for()
    read = page.get_by_role("article").nth(1)
    plate = await read.locator("h2 .plate").inner_text()
    await read.evaluate("card => scrollTo(0, card.getBoundingClientRect().top + scrollY + 20)")
    top = await read.evaluate("card => card.getBoundingClientRect().top")
    await card_of(page, await raised()).wait_for(state="attached")
    read = page.get_by_role("article").nth(2)
    assert plate in await read.inner_text()
    assert abs(await read.evaluate("card => card.getBoundingClientRect().top") - top) <= 1
    assert await page.locator("#unseen").is_visible()


async def test_the_page_is_not_used_because_it_scrolls_by_itself(page, raised):
    used = []
    page.on("request", lambda request: used.append(request.url))
    await page.evaluate("Date.now = ((now) => () => now() + 120000)(Date.now)")
    await page.evaluate("scrollTo(0, document.body.scrollHeight)")
    await page.wait_for_timeout(500)
    assert not [url for url in used if url.endswith("/active")]
    await page.mouse.wheel(0, -100)
    await page.wait_for_timeout(500)
    assert [url for url in used if url.endswith("/active")]


async def test_unseen_alerts_are_still_counted_after_another_page(page, raised, console_of):
    console = await console_of("officer")
    first = await raised()
    await card_of(page, first).wait_for()
    await console.open(page, "/policy")
    second = await raised(kind="canvass")
    third = await raised()
    await page.wait_for_timeout(3000)
    await console.open(page, "/alerts")
    await expect(page).to_have_title(re.compile(r"^\(3\) Alerts"))
    assert await plates_in_order(page, first, second, third) == [third, first, second]
    async with page.expect_navigation():
        await card_of(page, third).get_by_role("link").click()
    await console.open(page, "/alerts")
    await expect(page).to_have_title(re.compile(r"^\(2\) Alerts"))


async def test_an_urgent_alert_makes_a_sound_once_the_officer_has_turned_it_on(
    page, raised, console_of
):
    await card_of(page, await raised()).wait_for()
    assert await page.evaluate("tones") == 0
    await page.get_by_role("button", name="Turn the sound on").click()
    await see(page, SOUNDS)
    tried = await page.evaluate("tones")
    assert tried > 0
    await page.wait_for_timeout(3000)
    await card_of(page, await raised(kind="canvass")).wait_for()
    assert await page.evaluate("tones") == tried
    await card_of(page, await raised()).wait_for()
    assert await page.evaluate("tones") == 2 * tried

    await (await console_of("officer")).open(page, "/alerts")
    await page.get_by_role("button", name="Turn the sound off").wait_for()
    await page.keyboard.press("Shift")
    await see(page, SOUNDS)
    await card_of(page, await raised()).wait_for()
    assert await page.evaluate("tones") == tried
    await page.get_by_role("button", name="Turn the sound off").click()
    await see(page, "No alert makes a sound")
    await card_of(page, await raised()).wait_for()
    assert await page.evaluate("tones") == tried


async def test_a_notification_is_asked_for_and_says_nothing_of_the_vehicle(page, raised):
    await page.evaluate(ELSEWHERE)
    await card_of(page, await raised()).wait_for()
    assert await page.evaluate("[notices, Notification.asked]") == [[], 0]
    await page.get_by_role("button", name="Turn notifications on").click()
    await page.get_by_role("button", name="Turn notifications off").wait_for()
    await page.wait_for_timeout(3000)
    await page.mouse.move(100, 100)
    await expect(page).to_have_title(re.compile("^Alerts"))
    await card_of(page, await raised(caution=CAUTION)).wait_for()
    [notice] = await page.evaluate("notices")
    assert notice == {
        "title": "New alert",
        "body": "1 new alert, 1 of high priority. Open the page Alerts to read.",
        "tag": "plateward-alerts",
        "renotify": True,
    }
    await page.wait_for_timeout(3000)
    await page.mouse.move(110, 110)
    await expect(page).to_have_title(re.compile("^Alerts"))
    assert await page.evaluate("window.isTakenBack === true"), "it is out of date"
    await page.evaluate("delete document.hasFocus")
    await card_of(page, await raised()).wait_for()
    assert len(await page.evaluate("notices")) == 1, "the officer looks at the page"
    await page.get_by_role("button", name="Turn notifications off").click()
    await page.evaluate(ELSEWHERE)
    await card_of(page, await raised()).wait_for()
    assert len(await page.evaluate("notices")) == 1


async def test_who_takes_an_alert_is_at_once_on_the_pages_of_others(page, raised, console_of):
    plate = await raised()
    card = card_of(page, plate)
    await card.wait_for()
    dispatcher = await console_of("dispatcher")
    theirs = await dispatcher.context.new_page()
    await dispatcher.open(theirs, "/alerts")
    await see(theirs, "Connected: new alerts")
    shown = await card.locator("img, .nothing").evaluate("one => { one.isOld = true; return 1 }")
    await card_of(theirs, plate).get_by_role("button", name="I have it").click()
    await card_of(theirs, plate).get_by_text("You have it").wait_for()
    assert dispatcher.path_of(theirs) == "/alerts", "the page stays"
    await card.get_by_text("has it since").wait_for()
    await card.get_by_text("UNVERIFIED", exact=True).wait_for()
    await card.get_by_text("new", exact=True).wait_for()
    await expect(page).to_have_title(re.compile(r"^\(1\) Alerts"))
    assert shown
    await card.get_by_role("button", name="I have it too").click()
    await card.get_by_role("button", name="I cannot take it").click()
    await card.get_by_role("button", name="I have it too").wait_for()
    await theirs.close()


@pytest.fixture
async def end_entry(console_of, hotlist_path):
    """Ends the entry of a plate."""
    investigator = await console_of("investigator")

    async def end_entry(plate):
        ending = await investigator.context.new_page()
        await investigator.open(ending, hotlist_path)
        await fill(ending, plate=plate)
        await press(ending, "Search")
        await ending.get_by_label(f"End the entry of {plate}").click()
        await ending.get_by_label("Reason for ending it").fill("recovered")
        await press(ending, "End it")
        await ending.close()

    return end_entry


async def test_a_card_says_at_once_that_its_entry_has_ended(page, raised, end_entry):
    plate = await raised()
    card = card_of(page, plate)
    await card.wait_for()
    await end_entry(plate)
    await card.get_by_text("The list has this entry no more").wait_for()


async def test_who_has_an_alert_is_called_when_it_is_in_doubt_and_others_are_not(
    page, raised, end_entry
):
    taken, other = await raised(kind="canvass"), await raised(kind="canvass")
    card, beside = card_of(page, taken), card_of(page, other)
    await beside.wait_for()
    await card.get_by_role("button", name="I have it").click()
    await card.get_by_role("button", name="I cannot take it").wait_for()
    for name in ("Turn the sound on", "Turn notifications on"):
        await page.get_by_role("button", name=name).click()
    await see(page, SOUNDS)
    await page.wait_for_timeout(2500)
    await page.mouse.move(100, 100)
    await page.evaluate("for (const one of [...unseen.keys()]) markSeen(one)")
    await page.evaluate(f"tones = 0; chimedAt = 0; notices.length = 0; {ELSEWHERE}")
    await end_entry(other)
    await beside.get_by_text("The list has this entry no more").wait_for()
    assert await beside.get_by_text("changed", exact=True).count() == 0
    assert (await page.evaluate("tones"), await page.evaluate("notices")) == (0, [])
    await end_entry(taken)
    await card.get_by_text("changed", exact=True).wait_for()
    await card.get_by_text("The list has this entry no more").wait_for()
    assert await plates_in_order(page, taken, other) == [taken, other]
    assert await page.evaluate("tones") == 3
    [notice] = await page.evaluate("notices")
    assert notice["title"] == "An alert that you have has changed"
    assert taken not in json.dumps(notice)
    await see(page, "1 new or changed alert")


@pytest.mark.parametrize("why", ["unanswered", "unfinished"])
async def test_an_urgent_alert_that_no_one_has_taken_or_worked_calls_again(page, raised, why):
    first = await raised()
    second = await raised()
    await card_of(page, second).wait_for()
    await page.get_by_role("button", name="Turn the sound on").click()
    await see(page, SOUNDS)
    await page.wait_for_timeout(3500)
    await page.mouse.move(100, 100)
    tones = await page.evaluate("tones")
    overdue = """([seq, why]) => {
        const now = [...cards.children].find((card) => card.dataset.seq === seq).cloneNode(true);
        now.classList.add(why);
        now.querySelector(".badge.new")?.remove();
        for (let times = 0; times < 2; times += 1) {
            stream.dispatchEvent(new MessageEvent("change", { data: now.outerHTML, lastEventId: "" }));
        }
    }"""
    await page.evaluate(overdue, [await card_of(page, first).get_attribute("data-seq"), why])
    assert await plates_in_order(page, first, second) == [first, second]
    assert await page.evaluate("tones") == 2 * tones, "once, not twice"
    await card_of(page, first).get_by_text("new", exact=True).wait_for()


async def test_the_browser_keeps_no_plate(page, raised):
    await page.get_by_role("button", name="Turn the sound on").click()
    await page.get_by_role("button", name="Turn notifications on").click()
    await page.evaluate(ELSEWHERE)
    plate = await raised(caution=CAUTION)
    await card_of(page, plate).wait_for()
    kept = await page.evaluate(
        "[{...localStorage}, {...sessionStorage}, location.href, document.title]"
    )
    seqs = json.loads(kept[1].pop("plateward-unseen-alerts"))
    assert all(isinstance(seq, int) for seq in [seqs["newest"], *seqs["left"]])
    assert kept[:2] == [{"plateward-sound": "on", "plateward-notifications": "on"}, {}]
    assert plate not in json.dumps(kept)


async def test_an_alert_of_ones_own_entry_sounds_and_says_so_and_others_read_who_listed_it(
    page, raised, console_of
):
    investigator = await console_of("investigator")
    own = await investigator.context.new_page()
    await own.add_init_script(WATCHED)
    await investigator.open(own, "/alerts")
    for each in (own, page):
        await each.get_by_role("button", name="Turn the sound on").click()
        await see(each, SOUNDS)
        await each.evaluate("tones = 0; chimedAt = 0")
    plate = await raised(kind="canvass")
    await card_of(own, plate).get_by_text("You listed this plate").wait_for()
    await card_of(page, plate).get_by_text("Listed by").wait_for()
    assert await card_of(page, plate).get_by_text("You listed this plate").count() == 0
    assert (await own.evaluate("tones"), await page.evaluate("tones")) == (3, 0)
    await investigator.open(own, "/alerts")
    async with own.expect_navigation():
        await own.get_by_role("link", name="Unverified hits of plates that you listed").click()
    await see(own, "Hits of plates that you listed: not verified")
    await card_of(own, plate).wait_for()
    await own.evaluate("localStorage.clear()")
    await own.close()
