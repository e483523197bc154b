"""Evidence from its hold to the destroyed copy: each answer and each event of the log, whole, by many people."""

import hashlib
import io
import json
import zipfile
from datetime import timedelta

import msgspec
import pytest

from shared.events import (
    AccessAttempted,
    EvidenceBooked,
    EvidenceChanged,
    EvidenceCustodyRecorded,
    HoldChanged,
    RecordsDisclosed,
)
from tests.integration.retention.conftest import a_hit, a_read
from tests.integration.retention.exporting import BOOKING, request
from tests.integration.retention.holding import place, release
from tests.integration.retention.packaging import NOON, a_pictured_read

ORI = "CA0520100"
SOFTWARE = {
    "person_id": "system:retention", "name": "retention", "title": "software", "agency_ori": ORI,
}  # fmt: skip
NAMES = (
    "Placer", "Confirmer", "Successor", "Reviewer", "Requester", "Other Requester", "Withdrawer", "Taker", "Booker",
    "Corrector", "Clerk", "Receiver", "Checker", "Destroyer", "Releaser",
)  # fmt: skip


def person(name):
    """Return a person as answers and events name them."""
    account = f"00000000-0000-4000-8000-0000000000{0xE0 + NAMES.index(name):x}"
    return {"person_id": account, "name": name, "title": f"Det. {name}", "agency_ori": ORI}


def hour(number):
    """Return the time at which a step was done, in the form of answers and events."""
    return (NOON + timedelta(hours=number)).isoformat().replace("+00:00", "Z")


def plain(moment):
    """Return a time of an answer as statements and covers write it."""
    return moment.replace("Z", "+00:00")


class Story:
    """A story in which each step is of another person, an hour after the step before it."""

    def __init__(self, retention):
        self.retention = retention

    def headers(self, name):
        authority, account = self.retention.authority, person(name)["person_id"]
        purpose = authority.purpose_token(account_id=account, case_number="26-001234")
        who = {"account_id": account, "name": name, "title": f"Det. {name}"}
        key = {"Idempotency-Key": f"key-of-{name}".replace(" ", "-")}
        return authority.headers(**who) | {"X-ALPR-Purpose": purpose} | key

    async def step(self, name, path, body, status=200):
        self.retention.clock.advance(hours=1)
        answer = await self.retention.client.post(path, json=body, headers=self.headers(name))
        assert answer.status_code == status, answer.text
        return answer.json()

    async def read(self, path):
        answer = await self.retention.client.get(path, headers=self.headers("Placer"))
        assert answer.status_code == 200, answer.text
        return answer


async def events(retention, kind):
    """Return the events of a type as the log has them, without their own ids."""
    found = [msgspec.to_builtins(event) for event in await retention.emitted(kind)]
    return [{name: one[name] for name in one if name != "event_id"} for one in found]


@pytest.mark.clause("468.5/evidence")
@pytest.mark.clause("468.5/hold-reviews")
async def test_a_hold_and_its_entries_in_the_log_name_who_did_what_when_and_why(retention):
    story = Story(retention)
    criteria = {"plate": "7A*"}
    body = {"basis": "evidence", "case_number": "26-001234", "description": "the suspect's way"}
    placed = await story.step("Placer", "/v1/holds", {**body, "criteria": criteria}, 201)
    path = f"/v1/holds/{placed['hold_id']}"
    shown = {
        "hold_id": placed["hold_id"],
        **body,
        "criteria": criteria,
        "in_force": True,
        "placed_by": person("Placer"),
        "placed_at": hour(1),
        "owner": person("Placer"),
        "review_by": "2027-06-01T13:00:00Z",
        **dict.fromkeys(("reviewed_by", "reviewed_at", "review_reason")),
        **dict.fromkeys(("released_by", "released_at", "release_reason")),
        "wide": True,
        "awaits_confirmation": True,
        **dict.fromkeys(("confirmed_by", "confirmed_at", "confirmation_reason")),
    }
    assert placed == shown
    confirmed = {
        "awaits_confirmation": False,
        "confirmed_by": person("Confirmer"),
        "confirmed_at": hour(2),
        "confirmation_reason": "the order names them",
    }
    taken_over = {
        "owner": person("Successor"),
        "reviewed_by": person("Successor"),
        "reviewed_at": hour(3),
        "review_reason": "has the case now",
    }
    extended = {
        "review_by": hour(48),
        "reviewed_by": person("Reviewer"),
        "reviewed_at": hour(4),
        "review_reason": "the appeal is not decided",
    }
    released = {
        "in_force": False,
        "released_by": person("Releaser"),
        "released_at": hour(5),
        "release_reason": "the appeal is decided",
    }
    for name, step, sent, changes in (
        ("Confirmer", "confirmation", {"reason": "the order names them"}, confirmed),
        ("Successor", "owner", {"reason": "has the case now"}, taken_over),
        (
            "Reviewer",
            "review",
            {"reason": "the appeal is not decided", "review_by": hour(48)},
            extended,
        ),
        ("Releaser", "release", {"reason": "the appeal is decided"}, released),
    ):
        shown |= changes
        assert await story.step(name, f"{path}/{step}", sent) == shown
        assert (await story.read(path)).json() == shown
    [listed] = (await story.read("/v1/holds")).json()["items"]
    assert listed == shown
    of_all = {
        "hold_id": placed["hold_id"],
        "basis": "evidence",
        "case_number": "26-001234",
        "criteria": criteria,
        "owner": person("Placer"),
        "review_by": "2027-06-01T13:00:00Z",
    }
    confirmed = {"reason": "the order names them"}
    taken_over = {"reason": "has the case now", "owner": person("Successor")}
    extended = {**taken_over, "reason": "the appeal is not decided", "review_by": hour(48)}
    released = {**extended, "reason": "the appeal is decided"}
    assert await events(retention, HoldChanged) == [
        {**of_all, "change": change, "actor": person(by), "occurred_at": hour(at), **more}
        for at, (change, by, more) in enumerate(
            (
                ("placed", "Placer", {}),
                ("confirmed", "Confirmer", confirmed),
                ("taken_over", "Successor", taken_over),
                ("extended", "Reviewer", extended),
                ("released", "Releaser", released),
            ),
            start=1,
        )
    ]


COURT = {"party_name": "C. Clerk", "party_organisation": "Superior Court of Tehama"}
SERVED = {"party_name": "B. Bailiff", "party_organisation": "Tehama County Marshal"}


@pytest.mark.clause("468.5/custody")
@pytest.mark.clause("468.5/evidence")
async def test_an_export_and_its_copies_are_on_file_and_in_the_log_with_every_particular(retention):
    _, read = await a_pictured_read(retention, "7ABC123")
    await retention.store(a_hit(read))
    before = NOON - timedelta(minutes=1)
    gone, _ = await a_pictured_read(retention, "7ABC123", before, seen={"late": True})
    for minutes in (2, 3):
        await retention.store(a_read("7ABC123", NOON - timedelta(minutes=minutes), late=True))
    del retention.objects.stored[gone.image.object_key]
    story = Story(retention)
    body = {"basis": "evidence", "case_number": "26-001234", "description": "the suspect's way"}
    placed = {**body, "criteria": {"plate": "7ABC123"}}
    hold = await story.step("Placer", "/v1/holds", placed, 201)
    asked = {"hold_id": hold["hold_id"]}
    requested = await story.step("Requester", "/v1/evidence-exports", asked, 202)
    path = f"/v1/evidence-exports/{requested['export_id']}"
    unmade = (
        "fault", "built_at", "sha256", "size_bytes", "reads", "hits", "captures", "images", "omitted", "signed_by",
        "withdrawn_by", "withdrawn_at", "withdrawal_reason", "removed_at",
    )  # fmt: skip
    shown = {
        "export_id": requested["export_id"],
        "hold_id": hold["hold_id"],
        "case_number": "26-001234",
        "state": "requested",
        "requested_by": person("Requester"),
        "requested_at": hour(2),
        **dict.fromkeys(unmade),
        "copies_booked": 0,
    }
    assert requested == shown
    retention.clock.advance(hours=1)
    await retention.running.evidence.work()
    ready = (await story.read(path)).json()
    package = retention.objects.stored[f"evidence/{requested['export_id']}.zip"]
    shown |= {
        "state": "ready",
        "built_at": hour(3),
        "sha256": hashlib.sha256(package).hexdigest(),
        "size_bytes": len(package),
        "reads": 4,
        "hits": 1,
        "captures": 2,
        "images": 3,
        "omitted": 1,
        "signed_by": (await story.read("/v1/signing-key")).json()["key_id"],
    }
    assert ready == shown
    retention.clock.advance(hours=1)
    answer = await retention.client.get(f"{path}/package", headers=story.headers("Taker"))
    assert answer.content == package
    compare_cover(package, hold, shown, retention.runtime.policy)

    copy = {**BOOKING, "sha256": shown["sha256"]}
    booked = await story.step("Booker", f"{path}/bookings", copy, 201)
    corrected = {
        **copy, "media_serial": "MID-9", "custodian_name": "R. Room", "custodian_title": "Clerk",
        "note": "the serial was wrong", "corrects": booked["booking_id"],
    }  # fmt: skip
    correction = await story.step("Corrector", f"{path}/bookings", corrected, 201)
    shown |= {"copies_booked": 1}
    assert (await story.read(path)).json() == shown
    booked = {
        "booking_id": booked["booking_id"],
        "export_id": shown["export_id"],
        **copy,
        "note": None,
        "booked_by": person("Booker"),
        "booked_at": hour(5),
        "in_force": False,
        "corrects": None,
        "corrected_by": correction["booking_id"],
    }
    correction = {
        "booking_id": correction["booking_id"],
        "export_id": shown["export_id"],
        **corrected,
        "booked_by": person("Corrector"),
        "booked_at": hour(6),
        "in_force": True,
        "corrected_by": None,
    }
    listed = (await story.read(f"{path}/bookings")).json()["items"]
    assert listed == [booked, correction]
    for booking in listed:
        statement = await story.read(f"{path}/bookings/{booking['booking_id']}/statement")
        assert statement.json().pop("signature")["key_id"] == shown["signed_by"]
        assert {k: v for k, v in statement.json().items() if k != "signature"} == {
            "statement": "booking of ALPR records into evidence",
            "agency": {"name": "Corning Police Department", "ori": ORI},
            **{name: booking[name] for name in ("booking_id", "corrects", "evidence_number")},
            "export_id": shown["export_id"],
            "hold_id": hold["hold_id"],
            "case_number": "26-001234",
            "received_by": {
                "name": booking["custodian_name"],
                "title": booking["custodian_title"],
            },
            "medium": {
                "description": booking["media_description"],
                "serial": booking["media_serial"],
            },
            "package": {
                name: shown[name]
                for name in ("sha256", "size_bytes", "reads", "captures", "images", "signed_by")
            },
            "note": booking["note"],
            "booked_by": {
                name: booking["booked_by"][name] for name in ("name", "title", "person_id")
            },
            "booked_at": plain(booking["booked_at"]),
        }
    of_all = {
        "export_id": shown["export_id"], "hold_id": hold["hold_id"], "case_number": "26-001234",
    }  # fmt: skip
    assert await events(retention, EvidenceBooked) == [
        {
            **{name: one[name] for name in ("booking_id", *copy, "corrects") if one[name]},
            **of_all,
            "actor": one["booked_by"],
            "occurred_at": one["booked_at"],
        }
        for one in (booked, correction)
    ]

    other = {"sha256": "0" * 64}
    expected = [
        {
            **dict.fromkeys(("booking_id", *COURT, "sha256", "matches", "order_reference")),
            **dict.fromkeys(("note", "corrects", "corrected_by")),
            "export_id": shown["export_id"],
            "kind": "downloaded",
            "acted_at": hour(4),
            "recorded_by": person("Taker"),
            "recorded_at": hour(4),
        }
    ]
    for at, (name, kind, more, matches) in enumerate(
        (
            ("Clerk", "handed_over", {**COURT, "acted_at": hour(6.5), "note": "by hand"}, None),
            ("Receiver", "handed_over", {**SERVED, "note": "it was the bailiff"}, None),
            ("Other Requester", "returned", {**SERVED, "acted_at": hour(8.5)}, None),
            ("Checker", "checked", {**other, "note": "scratched"}, False),
            ("Confirmer", "checked", {"sha256": shown["sha256"]}, True),
            ("Destroyer", "destroyed", {"order_reference": "order 26-17"}, None),
        ),
        start=7,
    ):
        if name == "Receiver":
            more |= {"corrects": expected[-1]["act_id"]}
        sent = {"booking_id": correction["booking_id"], "kind": kind, **more}
        act = await story.step(name, f"{path}/custody-acts", sent, 201)
        if name == "Receiver":
            expected[-1]["corrected_by"] = act["act_id"]
        blank = {**expected[0], "act_id": act["act_id"], "acted_at": hour(at)}
        by = {"recorded_by": person(name), "recorded_at": hour(at)}
        expected.append({**blank, **by, **sent, "matches": matches})
        assert act == expected[-1]
    found = (await story.read(f"{path}/custody-acts")).json()["items"]
    downloaded = next(
        e for e in await retention.emitted(EvidenceChanged) if e.change == "downloaded"
    )
    expected[0]["act_id"] = str(downloaded.event_id)
    assert found == expected
    apart = ("kind", "recorded_by", "recorded_at", "corrected_by")
    assert await events(retention, EvidenceCustodyRecorded) == [
        {
            **{name: one[name] for name in one if name not in apart and one[name] is not None},
            **of_all,
            "act": one["kind"],
            "actor": one["recorded_by"],
            "occurred_at": one["recorded_at"],
        }
        for one in expected[1:]
    ]
    disclosed = await retention.emitted(RecordsDisclosed)
    seen = {
        one for event in disclosed if event.record_kind == "custody_act" for one in event.all_ids
    }
    assert seen == {one["act_id"] for one in expected}
    taken = person("Taker")["person_id"]
    assert [
        (event.record_kind, event.count, event.all_ids)
        for event in disclosed
        if event.actor.person_id == taken
    ] == [
        ("evidence_export", 1, [shown["export_id"]]),
        ("searched_hold", 0, [hold["hold_id"]]),
        ("package", 7, [shown["export_id"]]),
    ]

    dropped = await story.step("Other Requester", "/v1/evidence-exports", asked, 202)
    path = f"/v1/evidence-exports/{dropped['export_id']}"
    withdrawn = await story.step("Withdrawer", f"{path}/withdrawal", {"reason": "not needed"})
    assert withdrawn == dropped | {
        "state": "withdrawn",
        "withdrawn_by": person("Withdrawer"),
        "withdrawn_at": hour(14),
        "withdrawal_reason": "not needed",
    }
    retention.clock.advance(hours=1)
    await retention.running.evidence.work()
    assert (await story.read(path)).json() == withdrawn | {"removed_at": hour(15)}
    told = await events(retention, EvidenceChanged)
    [packaged] = [one for one in told if one["change"] == "packaged"]
    attempt = packaged["details"].pop("attempt_id")
    [tried] = [
        event
        for event in await retention.emitted(AccessAttempted)
        if str(event.attempt_id) == attempt
    ]
    assert msgspec.to_builtins(tried.actor) == person("Requester")
    counts = ("sha256", "size_bytes", "reads", "captures", "images", "omitted", "signed_by")
    details = {name: shown[name] for name in counts}
    of_other = {**of_all, "export_id": dropped["export_id"]}
    assert told == [
        {**of, "change": change, "actor": by, "occurred_at": hour(at), **more}
        for at, change, by, of, more in (
            (2, "requested", person("Requester"), of_all, {}),
            (3, "packaged", SOFTWARE, of_all, {"details": details}),
            (4, "downloaded", person("Taker"), of_all, {"details": {"sha256": shown["sha256"]}}),
            (13, "requested", person("Other Requester"), of_other, {}),
            (14, "withdrawn", person("Withdrawer"), of_other, {"details": {"reason": "not needed"}}),
        )
    ]  # fmt: skip


def compare_cover(package, hold, shown, policy):
    """Compare what a package says of itself with its hold and its export."""
    with zipfile.ZipFile(io.BytesIO(package)) as archive:
        top = f"alpr-evidence-{shown['export_id']}"
        cover = json.loads(archive.read(f"{top}/data/evidence.json"))
        info = archive.read(f"{top}/bag-info.txt").decode()
    named = ("hold_id", "basis", "case_number", "description", "criteria", "placed_by")
    purpose = cover.pop("purpose")
    assert cover == {
        "export_id": shown["export_id"],
        "hold": {name: hold[name] for name in named}
        | {"placed_at": plain(hold["placed_at"]), "confirmed_by": None, "confirmed_at": None},
        "requested_by": shown["requested_by"],
        "requested_at": plain(shown["requested_at"]),
        "as_held_at": plain(shown["built_at"]),
    }
    assert purpose.pop("purpose_id")
    assert purpose == {
        "kind": "criminal_investigation",
        "offence_type": "vehicle theft",
        "case_number": "26-001234",
    }
    said = dict(line.split(": ", 1) for line in info.splitlines())
    assert said.pop("Payload-Oxum")
    assert said == {
        "Source-Organization": policy.department.name,
        "Organization-Address": policy.department.contact,
        "Policy-Version": policy.version,
        "Policy-Digest": policy.digest,
        "External-Identifier": shown["export_id"],
        "External-Description": "ALPR records held as evidence in case 26-001234",
        "Bagging-Date": "2026-06-01",
        "Reads": "4",
        "Hits": "1",
        "Late-Reads": "3",
        "Images": "3",
        "Omitted": "1",
        "Signing-Key-Id": shown["signed_by"],
    }


async def test_a_wide_hold_that_was_released_awaits_no_confirmation(retention):
    hold = await place(retention, plate="7A*")
    assert hold["awaits_confirmation"]
    assert (await release(retention, hold))["awaits_confirmation"] is False


async def test_what_waits_is_counted_from_the_oldest_and_of_the_own_agency_alone(retention):
    await retention.store(a_read("7ABC123", NOON))
    for number in (1, 2):
        hold = await place(retention, plate="7ABC123")
        await request(retention, hold)
        retention.clock.advance(days=number)
    await place(retention, plate="7ABC123")
    retention.clock.advance(days=363)
    theirs = {"ori": "CA0520000"}
    waiting = (await retention.get("/v1/holds/waiting")).json()
    assert waiting == {
        "in_force": 3,
        "oldest_placed_at": hour(0),
        "overdue": 2,
        "overdue_since": hour(365 * 24),
        "unbooked": 2,
        "oldest_requested_at": hour(0),
    }
    none = {"in_force": 0, "oldest_placed_at": None, "overdue": 0, "overdue_since": None}
    none |= {"unbooked": 0, "oldest_requested_at": None}
    assert (await retention.get("/v1/holds/waiting", **theirs)).json() == none
