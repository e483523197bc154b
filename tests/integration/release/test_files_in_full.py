"""Files of requests whole: each answer, and each entry of the log, as people of both agencies act one after another."""

from datetime import timedelta
from hashlib import sha256
from uuid import UUID

import msgspec
import pytest

from services.release.workers.expiry import expire_due
from shared.events import (
    AgencyChanged,
    ReleaseApproved,
    ReleaseChanged,
    ReleaseDenied,
    ReleaseReceived,
    ReleaseRequested,
)
from tests.integration.release.conftest import (
    LIEUTENANT,
    PDF,
    REGISTRAR,
    RENO,
    SERGEANT,
    SHERIFF,
    a_request,
)

DEPARTMENT = "CA0520100"
FILER, RECEIVER, DEPUTY, CHIEF = (f"00000000-0000-4000-8000-00000000030{n}" for n in range(1, 5))
ONE, TWO, THREE = (UUID(int=n) for n in (1, 2, 3))
SOFTWARE = {
    "person_id": "system:release", "name": "release", "title": "software", "agency_ori": DEPARTMENT,
}  # fmt: skip
PEOPLE = {
    account: {"person_id": account, "name": name, "title": title, "agency_ori": ori}
    for account, name, title, ori in (
        (FILER, "Fay Filer", "Records Clerk", RENO),
        (RECEIVER, "Ray Receiver", "Detective", RENO),
        (DEPUTY, "Dep. Dee", "Deputy", SHERIFF),
        (CHIEF, "C. Chief", "Chief Deputy", SHERIFF),
        (SERGEANT, "Sgt. Lee", "Administration Sergeant", DEPARTMENT),
        (LIEUTENANT, "Lt. Kim", "Lieutenant", DEPARTMENT),
        (REGISTRAR, "R. Registrar", "Administrator", DEPARTMENT),
    )
}


@pytest.fixture
def hour(clock):
    """Return the time of a step, in the form of answers and events."""
    begun = clock.now()
    return lambda number: (begun + timedelta(hours=number)).isoformat().replace("+00:00", "Z")


@pytest.fixture
def act(client, clock, requester, reviewer):
    """Send a request as a person, an hour after the one before."""

    async def send(account, method, path, status=200, **body):
        clock.advance(hours=1)
        return await see(account, method, path, status, **body)

    async def see(account, method, path, status=200, **body):
        who = PEOPLE[account]
        claims = {"account_id": account, "name": who["name"], "title": who["title"]}
        is_theirs = who["agency_ori"] != DEPARTMENT
        headers = requester(who["agency_ori"], **claims) if is_theirs else reviewer(**claims)
        answer = await client.request(method, path, json=body or None, headers=headers)
        assert answer.status_code == status, answer.text
        return answer

    send.see = see
    return send


@pytest.fixture
def entries(announced):
    """Return the events of a type as the log has them, without their own ids."""

    async def entries(kind):
        found = [msgspec.to_builtins(event) for event in await announced(kind)]
        return [{name: one[name] for name in one if name != "event_id"} for one in found]

    return entries


@pytest.mark.clause("468.7(a)/written-request")
@pytest.mark.clause("468.7/package")
async def test_a_file_and_its_entries_in_the_log_say_who_did_what_when_and_why(
    client, clock, runtime, agencies, act, hour, entries, requester, packaged
):
    as_filer = requester(RENO, FILER)
    document = (await client.post("/v1/documents", content=PDF, headers=as_filer)).json()
    asked = a_request(
        requester_name="Dana Ruiz",
        requester_title="Detective",
        legal_authority={"reference": "order 26-mj-17", "document_id": document["document_id"]},
    )
    asked["criteria"] |= {"include_images": True}
    filed = (await act(FILER, "POST", "/v1/requests", 201, **asked)).json()
    path, own = (
        f"{where}/{filed['request_id']}" for where in ("/v1/requests", "/v1/agency/requests")
    )
    agency = {
        "agency_ori": RENO, "agency_name": "Reno Police", "agency_kind": "law_enforcement", "agency_state": "US-NV",
    }  # fmt: skip
    authority = {**asked["legal_authority"], "sha256": sha256(PDF).hexdigest()}
    shown = {
        **asked,
        "request_id": filed["request_id"],
        "status": "submitted",
        **agency,
        "filed_by": PEOPLE[FILER],
        "filed_at": hour(1),
        "criteria": {**asked["criteria"], "plate": "7ABC123", "device_ids": []},
        "restricted": True,
        "legal_authority": authority,
        "decisions": [],
        "receipts": [],
        **dict.fromkeys(("expires_at", "package", "failure", "withdrawal", "review", "checkpoint")),
    }
    assert filed == shown

    async def compare(**changes):
        """Compare the file with what each side sees of it; only a reviewer sees what a review needs."""
        review = changes.pop("review", None)
        shown.update(changes)
        note = runtime.agreement.checkpoint.note
        for account, where, more in ((SERGEANT, path, {"review": review}), (RECEIVER, own, {})):
            seen = (await act.see(account, "GET", where)).json()
            assert seen == shown | {"checkpoint": note} | more
            [listed] = (await act.see(account, "GET", where.rpartition("/")[0])).json()["items"]
            assert listed == shown

    review = {"approvals_needed": 2, "approvals": 0, "not_by": [REGISTRAR]}
    await compare(review=review)
    runtime.agreement.checkpoint.note = "a signed note"
    decisions = []
    for account, reason, originals, sources, status, counts in (
        (SERGEANT, "scoped to one plate", [ONE, TWO], ["federal", "state"], "first_approved", 1),
        (LIEUTENANT, "the order names it", [TWO, THREE], ["federal"], "approved", None),
    ):
        named = {"originals": [str(one) for one in originals], "list_sources": sources}
        body = {"decision": "approve", "reason": reason, **named}
        answer = await act(account, "POST", f"{path}/decision", **body)
        by = {"decided_by": PEOPLE[account], "decided_at": hour(len(decisions) + 2)}
        decisions.append({**body, "citation": None, **by})
        ends = None if counts else (hour(3 + 14 * 24))
        review = review | {"approvals": counts} if counts else None
        await compare(status=status, decisions=decisions, expires_at=ends, review=review)
        assert answer.json() == shown | {"checkpoint": "a signed note", "review": review}
    clock.advance(hours=1)
    content, event = await packaged(filed["request_id"], images=5, omitted=2)
    package = {
        "sha256": event.sha256, "size_bytes": len(content), "reads": 3, "images": 5, "omitted": 2,
        "manifest_signed_by": "retention-key-1", "packaged_at": hour(4),
    }  # fmt: skip
    await compare(status="packaged", package=package)
    assert (await act(RECEIVER, "GET", f"{path}/package")).content == content
    receipt = {"received_by": PEOPLE[RECEIVER], "received_at": hour(5), "sha256": event.sha256}
    await compare(receipts=[receipt])
    clock.advance(days=15)
    assert await expire_due(runtime) == 1
    await compare(status="expired")

    of = {"request_id": filed["request_id"]}
    purpose_of = {name: asked[name] for name in ("purpose", "case_number", "offence_type")}
    criteria = {**asked["criteria"], "plate": "7ABC123"}
    del criteria["include_images"]
    requester_named = {"requester_name": "Dana Ruiz", "requester_title": "Detective"}
    assert await entries(ReleaseRequested) == [
        {
            **of, **purpose_of, **requester_named, "purpose_kind": asked["purpose_kind"], "criteria": criteria,
            **{name: agency[name] for name in ("agency_ori", "agency_name", "agency_kind")},
            "actor": PEOPLE[FILER], "occurred_at": hour(1),
        }
    ]  # fmt: skip
    first = {
        "reason": "scoped to one plate",
        "originals": f"{ONE} {TWO}",
        "list_sources": "federal state",
    }
    assert await entries(ReleaseChanged) == [
        {**of, "change": change, "actor": by, "occurred_at": at, **details}
        for change, by, at, details in (
            ("authority_recorded", PEOPLE[FILER], hour(1), {"details": authority}),
            ("first_approved", PEOPLE[SERGEANT], hour(2), {"details": first}),
            ("expired", SOFTWARE, hour(5 + 15 * 24), {}),
        )
    ]
    assert await entries(ReleaseApproved) == [
        {
            **of, **purpose_of, **requester_named, "criteria": criteria, "requester": PEOPLE[FILER],
            **{name: agency[name] for name in ("agency_ori", "agency_name", "agency_kind")},
            "reason": "the order names it", "originals": [str(TWO)], "list_sources": ["federal"],
            "expires_at": hour(3 + 14 * 24), "actor": PEOPLE[LIEUTENANT], "occurred_at": hour(3),
        }
    ]  # fmt: skip
    assert await entries(ReleaseReceived) == [
        {**of, "sha256": event.sha256, "actor": PEOPLE[RECEIVER], "occurred_at": hour(5)}
    ]


@pytest.mark.clause("468.7(a)/written-request")
async def test_requests_that_end_without_a_package_say_by_whom_and_why(
    clock, policy, agencies, act, hour, entries
):
    refused = (await act(FILER, "POST", "/v1/requests", 403, **a_request())).json()
    citation = policy.sharing.refused_citation
    assert refused["params"] == {
        "citation": citation,
        "request_id": refused["params"]["request_id"],
        "recipients": "agencies of US-NV",
    }
    by_rule = {
        "decision": "refuse", "reason": refused["detail"], "citation": citation, "decided_by": SOFTWARE,
        "decided_at": hour(1), "originals": [], "list_sources": [],
    }  # fmt: skip
    path = f"/v1/requests/{refused['params']['request_id']}"
    seen = (await act.see(SERGEANT, "GET", path)).json()
    assert (seen["status"], seen["decisions"], seen["review"]) == ("refused", [by_rule], None)

    filed = (await act(DEPUTY, "POST", "/v1/requests", 201, **a_request())).json()
    dropped = (await act(DEPUTY, "POST", "/v1/requests", 201, **a_request())).json()
    waiting = (await act.see(SERGEANT, "GET", "/v1/requests/waiting")).json()
    of_state = {"status": "submitted", "count": 2, "oldest_at": hour(2)}
    assert waiting == {"count": 2, "oldest_at": hour(2), "states": [of_state]}
    denial = {"decision": "deny", "reason": "no case of this number"}
    path = f"/v1/requests/{filed['request_id']}"
    denied = (await act(LIEUTENANT, "POST", f"{path}/decision", **denial)).json()
    decision = by_rule | denial | {"citation": None, "decided_by": PEOPLE[LIEUTENANT]}
    assert denied == filed | {
        "status": "denied",
        "decisions": [decision | {"decided_at": hour(4)}],
    }
    path = f"/v1/agency/requests/{dropped['request_id']}"
    withdrawn = (await act(CHIEF, "POST", f"{path}/withdrawal", reason="found it")).json()
    by_chief = {"reason": "found it", "withdrawn_by": PEOPLE[CHIEF], "withdrawn_at": hour(5)}
    assert withdrawn == dropped | {"status": "withdrawn", "withdrawal": by_chief}
    change = {"name": "Sheriff of Tehama", "contact": "the records unit"}
    await act(REGISTRAR, "PATCH", f"/v1/agencies/{SHERIFF}", **change)

    kind = {"agency_kind": "law_enforcement"}
    assert await entries(ReleaseDenied) == [
        {
            "request_id": refused["params"]["request_id"], "reason": refused["detail"], "citation": citation, **kind,
            "actor": SOFTWARE, "occurred_at": hour(1),
        },
        {
            "request_id": filed["request_id"], "reason": "no case of this number", **kind,
            "actor": PEOPLE[LIEUTENANT], "occurred_at": hour(4),
        },
    ]  # fmt: skip
    assert await entries(ReleaseChanged) == [
        {
            "request_id": dropped["request_id"], "change": "withdrawn", "details": {"reason": "found it"},
            "actor": PEOPLE[CHIEF], "occurred_at": hour(5),
        }
    ]  # fmt: skip
    *_, registered, changed = await entries(AgencyChanged)
    assert registered["details"] == {
        "name": "Repo Inc.", "kind": "private", "state": "US-CA", "contact": "records", "active": "True",
    }  # fmt: skip
    assert changed == {
        "agency_ori": SHERIFF, "change": "changed", "details": change, "actor": PEOPLE[REGISTRAR],
        "occurred_at": hour(6),
    }  # fmt: skip


async def test_what_waits_is_counted_by_status_and_from_the_oldest_of_all(
    agencies, act, hour, with_authority
):
    await act(DEPUTY, "POST", "/v1/requests", 201, **a_request())
    asked = a_request(legal_authority=await with_authority(RENO))
    filed = (await act(FILER, "POST", "/v1/requests", 201, **asked)).json()
    await act(DEPUTY, "POST", "/v1/requests", 201, **a_request())
    approval = {"decision": "approve", "reason": "scoped to one plate"}
    await act(SERGEANT, "POST", f"/v1/requests/{filed['request_id']}/decision", **approval)
    waiting = (await act.see(LIEUTENANT, "GET", "/v1/requests/waiting")).json()
    states = waiting.pop("states")
    assert waiting == {"count": 3, "oldest_at": hour(1)}
    assert sorted(states, key=lambda one: one["status"]) == [
        {"status": "first_approved", "count": 1, "oldest_at": hour(2)},
        {"status": "submitted", "count": 2, "oldest_at": hour(1)},
    ]
