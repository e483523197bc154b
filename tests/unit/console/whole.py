"""Values for tests of whole pages: a time and a person of its own for each field, so that no two look alike."""

from tests.unit.console.services import PERSON

OUTCOMES = {
    "hits": 100, "unverified": 4, "verified": 96, "by_tier": {}, "correct_share": None, "enforcement": 12,
    "outcomes": {"correct_read": 50, "wrong_state": 7, "misread": 30, "list_out_of_date": 6, "dismissed": 3},
    "results": {"vehicle_recovered": 8, "arrest": 9, "stopped_released": 2, "no_contact": 5,
                "surveillance_only": 1, "passed_to_other_agency": 10, "other": 11},
}  # fmt: skip
"""What hits came to, each count another."""


def at(day):
    """Return the time of a field."""
    return f"2026-05-{day:02}T08:00:00Z"


def june(hour, day=1):
    """Return the time of a field, near the clock's, of which a page shows the age."""
    return f"2026-06-{day:02}T{hour:02}:00:00Z"


def by(name):
    """Return a person of this name, with an id and a title of their own."""
    return {**PERSON, "person_id": f"p-{name}", "name": name, "title": f"{name}'s title"}


def read(text):
    """Return a text as `Browser.content` has it."""
    return " ".join(text.split())


def paths(text):
    """Return the paths of a text, one a line, as `Browser.leads` has them."""
    return text.split()
