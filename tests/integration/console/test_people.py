"""People at the console, before a real identity: invited anew by two, and released from a day's limit."""

import re

import pytest

from shared.events import AccountChanged, LimitLifted
from tests.integration.console.offered import fault_beside, forms

APPROVE = "Approve: invite P.Person anew"


@pytest.fixture
async def second(hire):
    return await hire("s.lee", "alpr_administrator", title="Administration Sergeant")


@pytest.fixture
async def officer(hire, train):
    officer = await hire("o.lindqvist", "officer", sources=["department"])
    await train(officer)
    return officer


@pytest.mark.clause("468.3/two-to-reinvite")
async def test_a_privileged_person_is_invited_anew_by_two_at_the_console(
    browser, sign_in, administrator, second, hire, runtime, bus
):
    person = await hire("p.person", "auditor", title="Auditor")
    here = f"/people/{person.account_id}"
    await sign_in(administrator)
    await browser.open("/people")
    assert "Proposals to invite anew" not in browser.said
    assert f'href="{here}"' in browser.page.text
    await browser.open(here)
    assert "who has or had the role auditor again takes two administrators" in browser.said
    short = await browser.send(f"{here}/invitation", reason="no")
    assert short.status_code == 422
    assert "Field: reason" in browser.said
    await browser.send(f"{here}/invitation", reason="lost the telephone")
    assert "State active" in browser.said
    assert re.search(r"proposed it on [0-9: -]+ UTC : lost the telephone\.", browser.said)
    assert "Another administrator must approve it." in browser.said
    assert APPROVE not in browser.said
    await browser.open(f"/people/{second.account_id}")
    assert "lost the telephone" not in browser.said, "it is of another person"
    refused = await browser.send(f"{here}/approval")
    assert refused.status_code == 403
    assert "another administrator must approve it" in browser.said
    assert (await person.get("/v1/me")).status_code == 200
    await browser.send("/sign-out")
    await sign_in(second)
    await browser.open("/people")
    assert "lost the telephone" in browser.said
    assert "awaits approval" in browser.said
    await browser.open(here)
    assert APPROVE in browser.said
    await browser.send(f"{here}/approval")
    assert "State invited" in browser.said
    assert APPROVE not in browser.said
    assert (await person.get("/v1/me")).status_code == 401
    await runtime.relay.drain()
    told = [e for e in bus.events(AccountChanged) if str(e.account_id) == person.account_id]
    assert [(e.change, e.actor.person_id) for e in told][-2:] == [
        ("reinvitation_proposed", administrator.account_id), ("reinvited", second.account_id),
    ]  # fmt: skip
    await browser.open("/people")
    assert "Proposals to invite anew" not in browser.said


@pytest.mark.clause("468.3/two-to-reinvite")
async def test_a_page_says_that_a_role_that_was_removed_takes_two_as_well(
    browser, sign_in, administrator, hire
):
    person = await hire("p.person", "auditor", title="Auditor")
    await administrator.sign_in()
    here = f"/people/{person.account_id}"
    removed = await administrator.put(f"/v1/accounts/{person.account_id}/roles", roles=[])
    assert removed.status_code == 200
    await sign_in(administrator)
    await browser.open(here)
    assert "who has or had the role auditor again takes two administrators" in browser.said
    assert "Propose to invite anew" in browser.said


async def test_one_administrator_reinvites_a_person_without_a_privileged_role(
    browser, sign_in, administrator, officer
):
    here = f"/people/{officer.account_id}"
    await sign_in(administrator)
    await browser.open(here)
    assert "takes two administrators" not in browser.said
    await browser.send(f"{here}/invitation", reason="lost the telephone")
    assert "State invited" in browser.said


@pytest.mark.clause("468.4(a)/disclosed-limit")
async def test_an_administrator_lifts_a_persons_limit_for_a_case(
    browser, sign_in, administrator, officer, runtime, bus
):
    here = f"/people/{officer.account_id}"
    await sign_in(administrator)
    await browser.open(here)
    assert "10,000 records a day at most" in browser.said
    assert "The limit was never lifted." in browser.said
    why = "Canvass of two weeks around a homicide"
    vague = await browser.send(f"{here}/limit", case_number="the case", limit_reason=why)
    assert vague.status_code == 422
    assert "Field: case number" in browser.said
    assert why in vague.text, "what was typed stands there still"
    short = await browser.send(f"{here}/limit", case_number="26-001234", limit_reason="no")
    assert fault_beside(short) == ["limit_reason"], "the other reason invites the person anew"
    await browser.send(f"{here}/limit", case_number="26-001234", limit_reason=why)
    assert f"26-001234 {why}" in browser.said
    await runtime.relay.drain()
    [event] = bus.events(LimitLifted)
    assert (str(event.account_id), event.case_number) == (officer.account_id, "26-001234")
    assert (event.actor.person_id, event.reason) == (administrator.account_id, why)


@pytest.mark.clause("468.3/pages")
async def test_forms_that_a_person_may_not_use_are_not_offered_and_are_refused(
    browser, sign_in, administrator, officer, hire, runtime, bus
):
    auditor = await hire("p.person", "auditor", title="Auditor")
    await sign_in(administrator)
    here = f"/people/{officer.account_id}"
    await browser.open(here)
    assert forms(browser) == [f"{here}/invitation", f"{here}/limit"]
    own = f"/people/{administrator.account_id}"
    await browser.open(own)
    assert "This is your own account" in browser.said
    assert forms(browser) == []
    refused = await browser.send(
        f"{own}/limit", case_number="26-001234", limit_reason="my own case"
    )
    assert refused.status_code == 403
    await browser.send("/sign-out")
    await sign_in(auditor)
    assert 'href="/people"' not in browser.page.text
    await browser.open(here)
    assert "State active" in browser.said
    assert forms(browser) == []
    for act in ("invitation", "approval", "limit"):
        typed = {"reason": "a case of mine", "limit_reason": "a case of mine"}
        refused = await browser.send(f"{here}/{act}", case_number="26-001234", **typed)
        assert refused.status_code == 403, act
        assert "your role does not let you manage people's accounts" in browser.said
    await runtime.relay.drain()
    assert bus.events(LimitLifted) == []
