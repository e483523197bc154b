"""Retention packages and can search every scope that release accepts, with the same meaning; both refuse the same."""

import json
import random
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID, uuid4

import msgspec
import pytest
from pydantic import ValidationError

from services.release.actions.steps import approval
from services.release.api.fields import CriteriaIn as Asked
from services.release.domain.scope import check_scope
from services.release.store import Decision, Filed
from services.retention.api.fields.records import SearchQuery
from services.retention.domain.criteria import Criteria, check_search, within_retention
from services.retention.workers import packager
from shared.core.errors import InvalidInput
from shared.core.plates import PlatePattern
from shared.core.policy import Narrowness
from shared.events import Actor, ReleaseApproved
from shared.kafka.codec import Message, decode, encode

RULE = Narrowness(known_characters=3, days=31)
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
NOW = NOON + timedelta(days=200)
SCHEDULE_DAYS = 100 * 365
"""A long period, because a search is cut to the retention schedule; a release names its window."""

ACTOR = Actor(person_id="p-7", name="Dana Ruiz", title="Detective", agency_ori="CA0520000")


def body(**fields):
    """Return a request's criteria as JSON: a narrow one but for `fields`; None leaves a field out."""
    given = {
        "plate": "7ABC123",
        "captured_from": NOON.isoformat(),
        "captured_to": (NOON + timedelta(days=1)).isoformat(),
        **fields,
    }
    return {name: value for name, value in given.items() if value is not None}


def devices(count):
    return [str(UUID(int=number)) for number in range(1, count + 1)]


def accepted_by_release(asked):
    """Return release's criteria of a JSON body; None if its model or its rule refuses them."""
    try:
        criteria = Asked.model_validate_json(json.dumps(asked)).criteria()
        check_scope(criteria, RULE)
    except (ValidationError, InvalidInput):
        return None
    return criteria


def published(criteria):
    """Return the approval of a request as retention decodes it from Kafka."""
    filed = Filed(
        request_id=uuid4(),
        agency_ori="CA0520000",
        agency_name="Tehama County Sheriff",
        agency_kind="law_enforcement",
        agency_state="US-CA",
        filed_by=ACTOR,
        filed_at=NOW,
        requester_name=ACTOR.name,
        requester_title=ACTOR.title,
        purpose="locate a vehicle",
        purpose_kind="criminal_investigation",
        case_number="T26-55",
        offence_type="robbery",
        criteria=criteria,
        restricted=False,
        legal_authority=None,
    )
    decision = Decision(
        decision_id=uuid4(),
        decision="approve",
        reason="one plate",
        citation=None,
        decided_by=ACTOR,
        decided_at=NOW,
    )
    event = approval(filed, decision, NOW + timedelta(days=14), originals=[], list_sources=[])
    record = encode(event, "release")
    return decode(Message(record.topic, 0, 0, record.key, record.value, dict(record.headers)))


def packaged(event):
    """Return the criteria that retention makes a package of, the order having lain in its table."""
    kept = msgspec.convert(json.loads(msgspec.json.encode(event)), ReleaseApproved)
    return packager.criteria_of(kept, RULE)


def searched(asked):
    """Return the criteria that retention searches for a JSON body; None if it refuses them."""
    names = {name: value for name, value in asked.items() if name != "include_images"}
    try:
        criteria = SearchQuery.model_validate_json(json.dumps(names)).criteria()
        check_search(within_retention(criteria, NOW, SCHEDULE_DAYS), RULE)
    except (ValidationError, InvalidInput):
        return None
    return criteria


def meaning(plate, captured_from, captured_to, device_ids):
    """Return the normal form of a search, equal for every way of writing it."""
    return (
        None if plate is None else PlatePattern.parse(plate).text,
        datetime.fromisoformat(captured_from),
        datetime.fromisoformat(captured_to),
        frozenset(map(UUID, device_ids)),
    )


def meaning_of(criteria):
    """Return the meaning of retention's criteria, without the conditions that release cannot ask for."""
    plain = Criteria(
        plate=criteria.plate,
        captured_from=criteria.captured_from,
        captured_to=criteria.captured_to,
        device_ids=criteria.device_ids,
    )
    assert criteria == plain
    window = (plain.captured_from, plain.captured_to)
    return (plain.plate, *window, frozenset(plain.device_ids))


def a_plate(rnd):
    """Return plates as people may type them: of all lengths up to over the limit, with gaps and separators."""
    signs = "7ABC8O0I1zq" * 3 + "?" * 6 + "*" * 4 + " -/.\N{MIDDLE DOT}\uff21\uff0a"
    length = rnd.choice([*range(1, 15), 39, 40, 41])
    text = "".join(rnd.choices(signs, k=length))
    return text if length < 20 else text[:9].ljust(length, "-")


def a_window(rnd):
    """Return both ends: from empty and turned round to years, in several zones and to the microsecond."""
    days = rnd.choice([-1, 0, 1 / 86_400_000_000, 0.5, 1, 30, 31, 31 + 1 / 86_400, 40, 2000])
    start = NOON - timedelta(seconds=rnd.randrange(10**7), microseconds=rnd.randrange(10**6))
    zones = [rnd.choice([0, -7, 5.5, 14]) for _ in range(2)]
    return [
        moment.astimezone(timezone(timedelta(hours=zone)))
        for moment, zone in zip((start, start + timedelta(days=days)), zones, strict=True)
    ]


def several_devices(rnd):
    """Return device ids up to over the limit, sometimes an empty list and sometimes one id twice."""
    count = rnd.choice([0, 0, 1, 2, 7, 199, 200, 201])
    ids = devices(count)
    rnd.shuffle(ids)
    return [*ids[:-1], ids[0]] if count > 1 and rnd.random() < 0.3 else ids


GENERATED = {
    "plate": lambda rnd: a_plate(rnd) if rnd.random() < 0.8 else None,
    "device_ids": several_devices,
    "include_images": lambda rnd: rnd.choice([True, False, None]),
}


def a_body(rnd):
    start, end = a_window(rnd)
    fields = {name: generate(rnd) for name, generate in GENERATED.items()}
    return body(captured_from=start.isoformat(), captured_to=end.isoformat(), **fields)


def test_every_field_of_a_release_is_generated():
    assert set(Asked.model_fields) == {*GENERATED, "captured_from", "captured_to"}
    assert set(Asked.model_fields) == set(
        published(Asked(**body()).criteria()).criteria.__struct_fields__
    )


@pytest.mark.clause("468.7/package")
@pytest.mark.parametrize("seed", range(8))
def test_release_criteria_have_the_same_meaning_in_packages_and_searches(seed):
    rnd = random.Random(f"468 {seed}")
    accepted = 0
    for _ in range(500):
        asked = a_body(rnd)
        criteria = accepted_by_release(asked)
        if criteria is None:
            assert searched(asked) is None, f"release refuses and retention searches: {asked}"
            continue
        accepted += 1
        wanted = meaning(
            asked.get("plate"),
            asked["captured_from"],
            asked["captured_to"],
            asked.get("device_ids", []),
        )
        event = published(criteria)
        assert meaning_of(packaged(event)) == wanted
        search = searched(asked)
        assert search is not None, f"release accepts and retention refuses to search: {asked}"
        assert meaning_of(search) == wanted
        assert event.criteria.include_images is asked.get("include_images", True)
    assert 100 < accepted < 450


def window(length, start=NOON):
    return {"captured_from": start.isoformat(), "captured_to": (start + length).isoformat()}


LAST = datetime(2199, 12, 31, 12, tzinfo=UTC)
LIMITS = {
    "devices": ({"device_ids": devices(200)}, {"device_ids": devices(201)}),
    "typed characters": ({"plate": "7ABC123".ljust(40)}, {"plate": "7ABC123".ljust(41)}),
    "characters of a plate": ({"plate": "ABCDEFGHIJK?*"}, {"plate": "ABCDEFGHIJK??*"}),
    "known characters alone": ({"plate": "7A*"}, {"plate": "7*"}),
    "known characters beside each other": ({"plate": "*7?A*"}, {"plate": "*7*A*"}),
    "days of little known": (
        {"plate": "7A*", **window(timedelta(days=31))},
        {"plate": "7A*", **window(timedelta(days=31, seconds=1))},
    ),
    "known characters over a long window": (
        {"plate": "7AB*", **window(timedelta(days=400))},
        {"plate": "7A*", **window(timedelta(days=400))},
    ),
    "order of the window": (window(timedelta(microseconds=1)), window(timedelta())),
    "earliest moment": (
        window(timedelta(days=1), datetime(1900, 1, 1, tzinfo=UTC)),
        window(timedelta(days=1), datetime(1899, 12, 31, 23, tzinfo=UTC)),
    ),
    "latest moment": (window(timedelta(hours=11), LAST), window(timedelta(hours=12), LAST)),
    "a zone": (window(timedelta(days=1)), {"captured_from": "2026-05-01T12:00:00"}),
    "something to look for": ({"plate": None, "device_ids": devices(1)}, {"plate": None}),
}
"""For each limit of criteria: the last body within it, and the first beyond it."""


@pytest.mark.parametrize("limit", LIMITS)
def test_each_limit_of_a_release_is_that_of_a_search(limit):
    within, beyond = (body(**fields) for fields in LIMITS[limit])
    # A window before all stored records is a matter of the schedule, not of the model of a search.
    searched_then = searched_at_any_time if "moment" in limit else searched
    assert accepted_by_release(within) is not None
    assert searched_then(within) is not None
    assert accepted_by_release(beyond) is None
    assert searched_then(beyond) is None
    assert meaning_of(packaged(published(accepted_by_release(within)))) == meaning_of(
        searched_then(within)
    )


def searched_at_any_time(asked):
    """Return the criteria of a search as its model has them; None if the model refuses them."""
    try:
        return SearchQuery.model_validate_json(json.dumps(asked)).criteria()
    except ValidationError:
        return None
