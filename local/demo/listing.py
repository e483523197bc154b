"""The hot list: some of the plates that will pass, uploaded as CSV and activated."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

from local.demo.client import Person
from local.demo.story import Frame, StepFailed
from local.demo.truth import bare

NAME = "Corning BOLO and stolen vehicles"
EVERY = 3
"""One true plate in this many is listed."""
KINDS = (
    ("stolen_vehicle", "Reported stolen"),
    ("stolen_plate", "Plate reported stolen"),
    ("missing_person_vehicle", "Vehicle of a person reported missing"),
    ("active_warrant", "Registered owner has an active warrant"),
    ("stored_vehicle", "Stored at the owner's request"),
)
PURPOSE = {
    "kind": "stolen_or_wanted_vehicle",
    "offence_type": "vehicle theft",
    "case_number": "26-000401",
    "justification": "List of the vehicles that the department looks for in its open cases",
}
"""What a person declares who brings plates into force on a list of the department."""

SAMPLE = "7SMP123"
"""Listed if the truth is unknown: a list needs an entry, and no hit is expected."""


@dataclass(frozen=True)
class Entry:
    """An entry of the list. Without a state, no hit of it is urgent: a plate of another state may read the same."""

    plate: str
    record_kind: str
    reason: str
    state: str = ""


def choose(frames: Sequence[Frame]) -> list[Entry]:
    """Return the entries, chosen from the frames' true plates."""
    states = {bare(t.plate): t.state or "" for f in frames for t in f.truth}
    chosen = list(states.items())[::EVERY] or [(SAMPLE, "")]
    return [
        Entry(plate, *KINDS[number % len(KINDS)], state)
        for number, (plate, state) in enumerate(chosen)
    ]


def as_csv(entries: Sequence[Entry]) -> str:
    """Return the entries as the CSV to upload."""
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(("plate", "record_kind", "reason", "entering_reference", "state"))
    for number, entry in enumerate(entries, start=1):
        reference = f"26-{number:06d}"
        table.writerow((entry.plate, entry.record_kind, entry.reason, reference, entry.state))
    return text.getvalue()


async def put_in_force(person: Person, entries: Sequence[Entry], name: str = NAME) -> str:
    """Create the list, upload it, activate the version for a declared purpose; returns the list's name."""
    made = await person.must(
        "hotlist", "POST", "/v1/lists", json={"name": name, "source": "department"}
    )
    path = f"/v1/lists/{made['list_id']}"
    version = await person.must(
        "hotlist", "POST", f"{path}/versions",
        content=as_csv(entries).encode(), headers={"Content-Type": "text/csv"},
    )  # fmt: skip
    active = await person.must(
        "hotlist", "POST", f"{path}/versions/{version['version']}/activation",
        purpose=await person.declare(**PURPOSE),
    )  # fmt: skip
    if active["entries"] != len(entries):
        raise StepFailed(f"{active['entries']} entries are in force, not {len(entries)}")
    return name
