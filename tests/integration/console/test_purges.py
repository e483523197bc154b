"""Purges at the console, before the real services: proposed, authorised, carried out and certified by three people."""

from datetime import timedelta

import pytest

from services.retention.service import RetentionService
from shared.service.running import service_of
from tests.integration.console.offered import fault_beside, forms
from tests.integration.retention.conftest import a_read

CUSTODIAN = {"title": "Custodian of Records"}


@pytest.fixture
async def custodian(hire, train):
    person = await hire("c.records", "custodian", **CUSTODIAN)
    await train(person)
    return person


async def test_a_purge_is_proposed_authorised_carried_out_and_certified_by_three_people(
    browser, sign_in, custodian, administrator, hire, train, retention, store, clock
):
    await store(
        a_read("1OLD001", clock.now() - timedelta(days=401)), a_read("2NEW001", clock.now())
    )
    third = await hire("d.records", "custodian", **CUSTODIAN)
    await train(third, administrator)
    await sign_in(custodian)
    await browser.open("/purges")
    assert "City Attorney consent 2026-01-20" in browser.said
    too_young = {"kind": "single", "before": "2026-05-01T00:00", "reason": "past the schedule"}
    answer = await browser.send("/purges", **too_young)
    assert (answer.status_code, fault_beside(answer)) == (422, ["before"])
    await browser.send("/purges", **too_young | {"before": ""})
    here = browser.page.url.path
    assert "awaits authorisation" in browser.said
    await browser.send("/sign-out")
    await sign_in(administrator)
    assert "Purges to authorise: 1" in browser.said
    await browser.open(here)
    await browser.send(f"{here}/authorisation", authorisation_note="Compared with the schedule")
    assert "you proposed or authorised it; a third person carries it out" in browser.said
    own = await browser.send(f"{here}/execution")
    assert own.status_code == 409, "the page offers no form, and retention refuses one"
    await browser.send("/sign-out")
    await sign_in(third)
    assert "Purges to carry out: 1" in browser.said
    await browser.open(here)
    assert forms(browser) == [f"{here}/execution"]
    await browser.send(f"{here}/execution")
    await service_of(retention, RetentionService).purger.work()
    await browser.open(here)
    assert "Reads 1 " in browser.said
    assert forms(browser) == []
    certificate = (await browser.open(f"{here}/certificate")).json()
    assert certificate["run_id"] == here.rpartition("/")[2]


async def test_a_standing_order_is_refused_or_withdrawn_with_a_reason(
    browser, sign_in, custodian, administrator, train, retention
):
    await train(administrator)
    await sign_in(custodian)
    await browser.open("/purges")
    pages = []
    for _ in range(2):
        await browser.send("/purges", kind="standing", reason="Schedule CPD-RS-2026-04, adopted")
        pages.append(browser.page.url.path)
        await browser.open("/purges")
    await browser.send("/sign-out")
    await sign_in(administrator)
    first, second = pages
    await browser.open(first)
    answer = await browser.send(f"{first}/authorisation", authorisation_note="")
    assert (answer.status_code, fault_beside(answer)) == (422, ["authorisation_note"])
    await browser.send(f"{first}/authorisation", authorisation_note="Compared with the schedule")
    assert "in force" in browser.said
    await browser.open(second)
    assert "another standing order is in force; withdraw it first" in browser.said
    await browser.send(f"{second}/refusal", refusal_note="One order is enough")
    assert "Refused Ada Min" in browser.said
    await browser.open(first)
    await browser.send(f"{first}/withdrawal", withdrawal_note="A litigation hold is being drawn up")
    assert "Withdrawn Ada Min" in browser.said
    await browser.open("/purges")
    assert "none: nothing is destroyed" in browser.said
