"""The hot list: some of the plates that will pass, uploaded as CSV and activated."""

import csv
import io
from collections.abc import Sequence

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


def choose(frames: Sequence[Frame]) -> list[tuple[str, str, str]]:
    """Return plate, record kind and reason of each entry, chosen from the frames' true plates."""
    plates = list(dict.fromkeys(bare(t.plate) for f in frames for t in f.truth))
    chosen = plates[::EVERY] or [SAMPLE]
    return [(plate, *KINDS[number % len(KINDS)]) for number, plate in enumerate(chosen)]


def as_csv(entries: Sequence[tuple[str, str, str]], state: str = "") -> str:
    """Return the entries, all of one state if it is known, as the CSV to upload."""
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(("plate", "record_kind", "reason", "entering_reference", "state"))
    for number, entry in enumerate(entries, start=1):
        table.writerow((*entry, f"26-{number:06d}", state))
    return text.getvalue()


async def put_in_force(
    person: Person, entries: Sequence[tuple[str, str, str]], name: str = NAME, state: str = ""
) -> str:
    """Create the list, upload it, activate the version for a declared purpose; returns the list's name."""
    made = await person.must(
        "hotlist", "POST", "/v1/lists", json={"name": name, "source": "department"}
    )
    path = f"/v1/lists/{made['list_id']}"
    version = await person.must(
        "hotlist", "POST", f"{path}/versions",
        content=as_csv(entries, state).encode(), headers={"Content-Type": "text/csv"},
    )  # fmt: skip
    active = await person.must(
        "hotlist", "POST", f"{path}/versions/{version['version']}/activation",
        purpose=await person.declare(**PURPOSE),
    )  # fmt: skip
    if active["entries"] != len(entries):
        raise StepFailed(f"{active['entries']} entries are in force, not {len(entries)}")
    return name
