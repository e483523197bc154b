"""Evidence from its hold to the destroyed copy: each answer and each event of the log, whole, by many people."""

import json
from datetime import timedelta

import msgspec
import pytest

from shared.events import EvidenceBooked, EvidenceChanged, EvidenceCustodyRecorded, HoldChanged
from tests.integration.retention.conftest import a_hit
from tests.integration.retention.exporting import BOOKING
from tests.integration.retention.packaging import NOON, a_pictured_read, content

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
