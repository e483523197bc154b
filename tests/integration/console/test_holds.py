"""Holds and evidence at the console, before the real services: from a search to a booked copy."""

import hashlib
import re
from datetime import timedelta

import pytest
from sqlalchemy import text

from services.retention.service import RetentionService
from shared.events import AccessAttempted, EvidenceBooked, HoldChanged
from shared.service.running import service_of
from tests.integration.console.offered import fault_beside
from tests.integration.retention.conftest import a_read

COPY = {
    "evidence_number": "E26-0417-3",
    "custodian_name": "P. Room",
    "custodian_title": "Property Officer",
    "media_description": "DVD-R, write once",
    "media_serial": "MID-0417-A",
}


@pytest.fixture
async def investigator(hire, train):
    person = await hire("i.vega", "investigator", title="Detective", sources=["department"])
    await train(person)
    return person


@pytest.fixture
async def custodian(hire, train):
    person = await hire("c.records", "custodian", title="Custodian of Records")
    await train(person)
    return person


@pytest.fixture
async def read(store, clock):
    """A read of this morning."""
    read = a_read("7ABC123", clock.now() - timedelta(hours=1))
    await store(read)
    return read


@pytest.fixture
async def emitted(retention, bus):
    """Return the events of one type that retention published."""

    async def emitted(kind):
        await service_of(retention, RetentionService).runtime.relay.drain()
        return bus.events(kind)

    return emitted


@pytest.fixture
def place(browser, declare, read):
    """Place a hold on the read, by who is signed in; gives its page's path."""

    async def place():
        here = f"/holds/new/{read.read_id}"
        await declare("criminal_investigation", here)
        await browser.send(
            "/holds/new", basis="criminal_action", case_number="26-0117",
            description="Homicide on Solano Street", read_id=str(read.read_id),
        )  # fmt: skip
        return browser.page.url.path

    return place


@pytest.mark.clause("468.5/holds")
async def test_a_read_that_a_search_found_is_held_shown_and_released(
    browser, sign_in, investigator, custodian, declare, place, read, emitted
):
    await sign_in(investigator)
    here = await place()
    await browser.open("/search")
    window = {"captured_from": "2026-06-01T00:00", "captured_to": "2026-06-01T23:00"}
    await browser.send("/search", plate="7ABC123", **window)
    assert f'href="/holds/new/{read.read_id}"' in browser.page.text
    await browser.open("/holds")
    assert "criminal action: Homicide on Solano Street 26-0117 in force" in browser.said
    await browser.open(f"{here}/records")
    assert "7ABC123" in browser.said
    await browser.open(here)
    assert "You placed this hold, so another person releases it." in browser.said
    own = await browser.send(f"{here}/release", reason="the case is closed")
    assert own.status_code == 403
    assert "than the one who placed this hold must release it" in browser.said
    await browser.send("/sign-out")
    await sign_in(custodian)
    await declare("criminal_investigation", here)
    await browser.open(here)
    answer = await browser.send(f"{here}/release", reason="no")
    assert answer.status_code == 422
    assert "Field: reason" in browser.said
    await browser.send(f"{here}/release", reason="the case is closed")
    assert "by C.Records, Custodian of Records: the case is closed" in browser.said
    changes = [(e.change, e.actor.person_id) for e in await emitted(HoldChanged)]
    assert changes == [("placed", investigator.account_id), ("released", custodian.account_id)]


@pytest.mark.clause("468.5/hold-reviews")
async def test_a_hold_past_its_review_comes_first_and_is_taken_over_and_extended(
    browser, sign_in, investigator, custodian, declare, place, retention
):
    await sign_in(investigator)
    here = await place()
    runtime = service_of(retention, RetentionService).runtime
    async with runtime.db.begin() as connection:
        past = "UPDATE hold_reviews SET review_by = now() - interval '20 years'"
        await connection.execute(text(past))
    await browser.open("/holds")
    assert browser.said.index("Past their date of review") < browser.said.index("Homicide")
    assert browser.said.count("Homicide on Solano Street") == 1
    await browser.open(here)
    assert "past its review" in browser.said
    assert f'action="{here}/owner"' not in browser.page.text
    await browser.send("/sign-out")
    await sign_in(custodian)
    await browser.open("/holds")
    assert "Holds past their date of review 1" in browser.said
    await declare("criminal_investigation", here)
    await browser.open(here)
    await browser.send(f"{here}/owner", owner_reason="has the case now")
    assert "Owner C.Records, Custodian of Records" in browser.said
    wrong = await browser.send(
        f"{here}/review", review_by="2036-01-01T00:00", review_reason="x" * 5
    )
    assert wrong.status_code == 422
    assert "at most 365 days from now" in browser.said
    await browser.send(f"{here}/review", review_by="2027-01-01T00:00", review_reason="on appeal")
    assert "Last review C.Records, Custodian of Records" in browser.said
    assert "past its review" not in browser.said


async def test_a_person_without_the_permission_is_refused_a_holds_records_before_a_purpose_is_asked(
    browser, sign_in, investigator, place, hire, train
):
    await sign_in(investigator)
    here = await place()
    await browser.send("/sign-out")
    other = await hire("a.reader", "alpr_administrator", title="Lieutenant")
    await train(other)
    await sign_in(other)
    answer = await browser.open(f"{here}/records")
    assert (answer.status_code, browser.page.url.path) == (403, f"{here}/records")


async def test_a_hold_without_criteria_is_refused_with_its_field(
    browser, sign_in, investigator, declare, retention
):
    await sign_in(investigator)
    await declare("criminal_investigation", "/holds/new")
    answer = await browser.send(
        "/holds/new", basis="evidence", case_number="26-1", description="Homicide"
    )
    assert answer.status_code == 422
    assert "give at least one condition Field: criteria" in browser.said


@pytest.mark.clause("468.5/evidence")
async def test_a_hold_is_exported_saved_booked_and_then_released(
    browser, sign_in, custodian, investigator, declare, place, retention, emitted
):
    await sign_in(investigator)
    hold = await place()
    await browser.send("/sign-out")
    await sign_in(custodian)
    await declare("criminal_investigation", hold)
    await browser.open(hold)
    [key] = re.findall(r'name="key" value="([^"]+)"', browser.page.text)
    await browser.send(f"{hold}/exports", key=key)
    export = browser.page.url.path
    assert "Check whether the package is ready" in browser.said
    await service_of(retention, RetentionService).evidence.work()
    await browser.open(export)
    assert "reads: 1; hits of hot lists: 0; captures" in browser.said
    package = (await browser.http.get(f"{export}/package")).content
    [told] = re.findall(r"SHA-256</dt><dd><code>([0-9a-f]{64})</code>", browser.page.text)
    assert hashlib.sha256(package).hexdigest() == told
    await browser.open(hold)
    early = await browser.send(f"{hold}/release", reason="the case is closed")
    assert early.status_code == 409
    assert "exports without a booked copy" in browser.said
    await browser.open(export)
    [key] = re.findall(r'name="key" value="([^"]+)"', browser.page.text)
    wrong = await browser.send(f"{export}/bookings", key=key, sha256="0" * 64, **COPY)
    assert wrong.status_code == 422
    assert "Field: sha256" in browser.said
    await browser.send(f"{export}/bookings", key=key, sha256=told, **COPY)
    assert "P. Room, Property Officer" in browser.said
    assert [e.evidence_number for e in await emitted(EvidenceBooked)] == ["E26-0417-3"]
    [statement] = re.findall(r'href="(/[^"]+/statement)"', browser.page.text)
    assert "E26-0417-3" in (await browser.http.get(statement)).text
    await browser.open(hold)
    await browser.send(f"{hold}/release", reason="the case is closed")
    assert "by C.Records, Custodian of Records: the case is closed" in browser.said


@pytest.mark.clause("468.5/custody")
async def test_what_becomes_of_a_copy_is_recorded_on_the_page_of_its_package(
    browser, sign_in, investigator, declare, place, retention
):
    await sign_in(investigator)
    hold = await place()
    await browser.open(hold)
    [key] = re.findall(r'name="key" value="([^"]+)"', browser.page.text)
    await browser.send(f"{hold}/exports", key=key)
    export = browser.page.url.path
    await service_of(retention, RetentionService).evidence.work()
    await browser.open(export)
    assert "Record an act with a copy" not in browser.said
    package = (await browser.http.get(f"{export}/package")).content
    digest = hashlib.sha256(package).hexdigest()
    await browser.send(f"{export}/bookings", key="the-first-copy", sha256=digest, **COPY)
    [copy] = set(re.findall(r"bookings/([-0-9a-f]{36})/statement", browser.page.text))
    act = {"booking_id": copy, "key": "handed-to-court"}
    answer = await browser.send(f"{export}/custody-acts", **act, kind="handed_over")
    assert answer.status_code == 422
    assert "an act of kind handed_over needs it" in browser.said
    court = {"party_name": "C. Clerk", "party_organisation": "Superior Court"}
    await browser.send(f"{export}/custody-acts", **act, kind="handed_over", **court)
    assert "downloaded the package here" in browser.said
    assert "handed over E26-0417-3, MID-0417-A to C. Clerk, Superior Court" in browser.said
    act["key"] = "checked-there"
    await browser.send(f"{export}/custody-acts", **act, kind="checked", act_sha256="0" * 64)
    assert "DIFFERS from the package" in browser.said


async def test_an_export_is_withdrawn_and_stays_on_record(
    browser, sign_in, custodian, place, retention
):
    await sign_in(custodian)
    hold = await place()
    await browser.send(f"{hold}/exports", key="a-key-of-the-tests-own")
    export = browser.page.url.path
    await browser.send(f"{export}/withdrawal", reason="asked for by mistake")
    assert "by mistake" in browser.said
    assert "withdrawn" in browser.said
    await browser.open("/holds")
    assert "Exports that await a booking No export awaits a booking." in browser.said


async def test_an_administrator_reads_holds_but_cannot_change_them(
    browser, declare, sign_in, investigator, hire, train, place, emitted
):
    await sign_in(investigator)
    here = await place()
    await browser.send("/sign-out")
    person = await hire("s.lee", "alpr_administrator", title="Administration Sergeant")
    await train(person)
    await sign_in(person)
    await declare("department_action", here)
    assert "criminal action: Homicide on Solano Street" in browser.said
    assert 'name="reason"' not in browser.page.text
    answer = await browser.send(f"{here}/release", reason="the case is closed")
    assert answer.status_code == 403
    assert "your role does not let you place, export or release holds" in browser.said
    refused = [e for e in await emitted(AccessAttempted) if not e.allowed]
    assert [e.actor.person_id for e in refused] == [person.account_id]


async def test_a_refused_confirmation_is_named_beside_its_own_field_and_not_beside_the_release(
    browser, sign_in, investigator, custodian, declare, retention, emitted
):
    await sign_in(investigator)
    await declare("criminal_investigation", "/holds/new")
    await browser.send(
        "/holds/new", basis="evidence", case_number="26-0117", description="Arson", plate="7*"
    )
    here = browser.page.url.path
    assert "awaits a second person" in browser.said
    await browser.send("/sign-out")
    await sign_in(custodian)
    await declare("criminal_investigation", here)
    refused = await browser.send(f"{here}/confirmation", confirmation_reason="ok")
    assert refused.status_code == 422
    assert f'action="{here}/release"' in browser.page.text
    assert fault_beside(refused) == ["confirmation_reason"], "the other reason releases the hold"
    await browser.send(f"{here}/confirmation", confirmation_reason="the whole street is evidence")
    assert "Confirmed C.Records" in browser.said
    assert [e.change for e in await emitted(HoldChanged)] == ["placed", "confirmed"]
