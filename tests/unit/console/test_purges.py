"""Purges at the console: the schedule, and the steps of different people."""

import json
import re
from datetime import UTC, datetime

import httpx
import pytest

from services.console.domain.purges import FACTS, KINDS, Step, missing_facts, steps_of
from services.retention.domain.destruction import Basis, Kind
from tests.unit.console.answers import AT, BASIS, a_run, a_schedule
from tests.unit.console.services import HIT, PERSON, READ, page_of, problem

HOSTILE = "<script>alert(1)</script>"
CUSTODIAN = ("account:self", "purge:read", "purge:propose", "purge:execute")
ADMINISTRATOR = ("account:self", "purge:read", "purge:authorise", "purge:execute")
ME = PERSON | {"person_id": READ}
HERE = f"/purges/{HIT}"


def standing(**changes):
    return a_run(kind="standing", before=None, **changes)


AUTHORISED = {"state": "authorised", "decided_by": PERSON, "decided_at": AT, "decision_note": "ok"}


@pytest.fixture
def show(services):
    """Have retention show this run, and this schedule."""

    def show(run, schedule=None):
        services.answers["GET /schedule"] = lambda _: httpx.Response(
            200, json=schedule or a_schedule()
        )
        services.answers["GET /purge-runs"] = page_of(run)
        services.answers[f"GET /purge-runs/{HIT}"] = lambda _: httpx.Response(200, json=run)

    return show


def sent(services, end):
    [asked] = services.asked("POST", end)
    return json.loads(asked.content) if asked.content else None


def test_every_kind_of_run_and_every_fact_has_words():
    assert set(KINDS) == {kind.value for kind in Kind}
    empty = {**BASIS, "schedule_id": "", "resolution_id": "", "attorney_consent_id": ""}
    assert set(FACTS) == set(Basis.from_json(empty).missing(datetime.now(UTC)))


def test_a_fact_of_a_later_version_is_named_all_the_same():
    assert missing_facts(a_schedule(missing=["board_vote"])) == ["board vote"]


MAY = frozenset(ADMINISTRATOR)


def why(run, schedule=None, permissions=MAY):
    return {
        step.name: step.why_not
        for step in steps_of(run, schedule or a_schedule(), READ, permissions)
    }


@pytest.mark.parametrize(
    ("run", "steps"),
    [
        (a_run(), {"authorisation", "refusal"}),
        (a_run(**AUTHORISED), {"execution", "withdrawal"}),
        (standing(**AUTHORISED), {"withdrawal"}),
        (a_run(**{**AUTHORISED, "state": "executing"}), {"withdrawal"}),
        *((a_run(state=state), set()) for state in ("refused", "withdrawn", "executed", "certified")),
    ],
)  # fmt: skip
def test_a_state_is_followed_by_its_steps_alone(run, steps):
    assert why(run) == dict.fromkeys(steps, "")


@pytest.mark.parametrize(
    ("run", "schedule", "step", "said"),
    [
        (a_run(proposed_by=ME), {}, "authorisation", "you proposed it"),
        (standing(), {"standing": standing()}, "authorisation", "another standing order"),
        (a_run(), {"missing": ["resolution"]}, "authorisation", "the policy lacks the resolution"),
        (a_run(), {"basis": {**BASIS, "schedule_days": 500}}, "authorisation", "changed since"),
        (a_run(**{**AUTHORISED, "decided_by": ME}), {}, "execution", "a third person"),
        (a_run(**AUTHORISED, proposed_by=ME), {}, "execution", "a third person"),
        (a_run(**AUTHORISED), {"missing": ["attorney_consent"]}, "execution", "written consent"),
    ],
)
def test_what_retention_would_refuse_is_said_before(run, schedule, step, said):
    found = why(run, a_schedule(**schedule))
    assert said in found.pop(step)
    assert set(found.values()) == {""}, "the other step is open"


def test_steps_of_another_role_are_refused_by_name():
    found = steps_of(a_run(), a_schedule(), READ, frozenset(CUSTODIAN))
    assert [one.name for one in found if "your role does not" in one.why_not] == [
        "authorisation", "refusal",
    ]  # fmt: skip
    assert why(a_run(**AUTHORISED), permissions=frozenset(CUSTODIAN))["execution"] == ""
    assert Step("execution", "") not in steps_of(
        a_run(**AUTHORISED), a_schedule(), READ, frozenset({"purge:authorise"})
    )


async def test_the_schedule_says_what_is_due_and_why_nothing_is_destroyed(sign_in, services, show):
    lacking = a_schedule(
        basis={**BASIS, "resolution_id": ""}, missing=["resolution"], overdue_months=["2025-02"]
    )
    show(a_run(), lacking)
    browser = await sign_in(*ADMINISTRATOR)
    await browser.open("/purges")
    assert "Resolution of the legislative body missing" in browser.said
    assert "the policy lacks the resolution of the legislative body" in browser.said
    assert "not destroyed: 2025-02 . The policy lacks what a purge needs" in browser.said.replace(
        "2025-02.", "2025-02 ."
    )
    assert 'action="/purges"' not in browser.page.text, "an administrator proposes none"
    show(a_run(), a_schedule(overdue_months=["2025-02"]))
    await browser.open("/purges")
    assert "No standing order is in force" in browser.said
    assert "Standing order none: nothing is destroyed unless a single run" in browser.said
    show(a_run(), a_schedule(overdue_months=["2025-02"], standing=standing(**AUTHORISED)))
    await browser.open("/purges")
    assert "The daily run destroys them" in browser.said


@pytest.mark.parametrize(
    ("typed", "body"),
    [
        ({"kind": "standing", "before": ""}, {"kind": "standing"}),
        (
            {"kind": "single", "before": "2025-04-01T00:00"},
            {"kind": "single", "before": "2025-04-01T00:00Z"},
        ),
    ],
)
async def test_a_custodian_proposes(sign_in, services, show, typed, body):
    show(a_run(proposed_by=ME))
    services.answers["POST /purge-runs"] = lambda _: httpx.Response(201, json=a_run())
    browser = await sign_in(*CUSTODIAN)
    await browser.open("/purges")
    [key] = re.findall(r'name="key" value="([^"]+)"', browser.page.text)
    await browser.send("/purges", **typed, reason="Schedule adopted", key=key)
    assert browser.page.url.path == HERE
    assert services.asked("POST", "/purge-runs")[0].headers["idempotency-key"] == key
    assert sent(services, "/purge-runs") == {**body, "reason": "Schedule adopted"}


async def test_a_refused_proposal_keeps_what_was_typed_and_names_the_field(sign_in, services, show):
    show(a_run())
    services.lenient = True
    services.answers["POST /purge-runs"] = lambda _: problem(
        422, "Refused", "records younger than 365 days are never destroyed", field="before"
    )
    browser = await sign_in(*CUSTODIAN)
    await browser.open("/purges")
    answer = await browser.send("/purges", kind="single", before="2026-05-01T00:00", reason=HOSTILE)
    assert answer.status_code == 422
    assert 'id="before-wrong">records younger than 365 days' in answer.text
    assert 'value="2026-05-01T00:00"' in answer.text
    assert 'value="single" required checked' in answer.text
    assert HOSTILE not in answer.text


async def test_an_administrator_authorises_with_a_reason(sign_in, services, show):
    show(a_run(reason=HOSTILE))
    services.answers[f"POST /purge-runs/{HIT}/authorisation"] = lambda _: httpx.Response(
        200, json=a_run(**AUTHORISED)
    )
    browser = await sign_in(*ADMINISTRATOR)
    await browser.open(HERE)
    assert HOSTILE not in browser.page.text
    await browser.send(f"{HERE}/authorisation", authorisation_note="Compared with the schedule")
    assert browser.page.url.path == HERE
    assert sent(services, "/authorisation") == {"note": "Compared with the schedule"}


@pytest.mark.parametrize("step", ["authorisation", "refusal", "withdrawal"])
async def test_a_step_that_another_person_took_first_is_refused_on_its_page(
    sign_in, services, show, step
):
    before = a_run(**AUTHORISED) if step == "withdrawal" else a_run()
    show(before)
    browser = await sign_in(*ADMINISTRATOR)
    await browser.open(HERE)
    services.answers[f"POST /purge-runs/{HIT}/{step}"] = lambda _: problem(
        409, "Conflict", "this run is refused"
    )
    show(a_run(state="refused"))
    answer = await browser.send(f"{HERE}/{step}", **{f"{step}_note": "why"})
    assert answer.status_code == 409
    assert browser.said.count("this run is refused") == 1
    assert f'action="{HERE}' not in answer.text


async def test_a_reason_that_is_missing_is_named_beside_its_own_field(sign_in, services, show):
    show(a_run())
    services.lenient = True
    services.answers[f"POST /purge-runs/{HIT}/refusal"] = lambda _: problem(
        422, "Refused", "note is missing", field="note"
    )
    browser = await sign_in(*ADMINISTRATOR)
    await browser.open(HERE)
    answer = await browser.send(f"{HERE}/refusal")
    assert 'id="refusal_note-wrong">note is missing' in answer.text
    assert 'id="authorisation_note-wrong"' not in answer.text


async def test_a_third_person_carries_a_single_run_out(sign_in, services, show):
    show(a_run(**AUTHORISED))
    services.answers[f"POST /purge-runs/{HIT}/execution"] = lambda _: httpx.Response(
        202, json=a_run(**AUTHORISED)
    )
    browser = await sign_in(*CUSTODIAN)
    await browser.open(HERE)
    assert "Destroy the records" in browser.said
    assert "Backups keep them until 30 days after they were made." in browser.said
    assert "You cannot withdraw it: your role does not" in browser.said
    show(a_run(**{**AUTHORISED, "state": "executing", "started_at": AT, "reads": 1200}))
    await browser.send(f"{HERE}/execution")
    assert "Destroyed so far" in browser.said
    assert "1,200" in browser.said
    assert sent(services, "/execution") is None


async def test_a_certificate_is_saved_and_is_no_page_to_come_back_to(
    sign_in, services, show, clock
):
    done = {"state": "certified", "started_at": AT, "executed_at": AT, "certified_at": AT}
    show(a_run(**{**AUTHORISED, **done}))
    signed = {
        "certificate": "alpr-purge-3", "run_id": HIT, "captured_before": AT, "certified_at": AT,
        "signature": {"algorithm": "Ed25519", "key_id": "retention-1", "value": "ab"},
    }  # fmt: skip
    services.answers[f"GET /purge-runs/{HIT}/certificate"] = lambda _: httpx.Response(
        200, json=signed
    )
    browser = await sign_in(*CUSTODIAN)
    await browser.open(HERE)
    assert f'href="{HERE}/certificate"' in browser.page.text
    assert f'action="{HERE}' not in browser.page.text
    answer = await browser.open(f"{HERE}/certificate")
    assert answer.headers["content-disposition"] == f'attachment; filename="purge-{HIT}.json"'
    assert answer.json() == signed
    clock.advance(hours=1)
    answer = await browser.open(
        f"{HERE}/certificate", headers={"Referer": f"{browser.origin}{HERE}"}
    )
    assert f'name="back" value="{HERE}"' in answer.text


async def test_the_start_page_counts_the_purges_that_wait_for_this_person(sign_in, services, clock):
    runs = (
        a_run(), a_run(proposed_by=ME), standing(), standing(**AUTHORISED), a_run(**AUTHORISED),
        a_run(**{**AUTHORISED, "decided_by": ME}),
    )  # fmt: skip
    services.answers["GET /purge-runs"] = page_of(*runs)
    browser = await sign_in(*ADMINISTRATOR)
    assert "Purges to authorise: 2" in browser.said
    assert "Purges to carry out: 1" in browser.said
    services.permissions = list(CUSTODIAN)
    clock.advance(minutes=8)
    await browser.open("/")
    assert "Purges to authorise" not in browser.said
    assert "Purges to carry out: 1" in browser.said
