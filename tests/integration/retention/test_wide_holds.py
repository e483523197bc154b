"""A hold wider than a search retains at once, and shows its records only after a second person (ADR-0028)."""

from datetime import timedelta

import pytest
from sqlalchemy.exc import IntegrityError

from shared.events import AccessAttempted, HoldChanged, RecordsDisclosed
from tests.integration.locking import locked_while
from tests.integration.retention.conftest import DEVICE, SOLANO, a_read
from tests.integration.retention.exporting import request
from tests.integration.retention.holding import LONG_AGO, place, release
from tests.integration.retention.purging import NOON, purge

SECOND = "00000000-0000-4000-8000-000000000008"
CASE = "26-001234"
SINCE = (NOON - timedelta(days=40)).isoformat()
WHY = {"reason": "the court's order names every vehicle at the crossing"}
WIDE = [
    {"captured_from": SINCE},
    {"device_ids": [str(DEVICE)]},
    {"device_ids": [str(DEVICE)], "captured_from": SINCE, "captured_to": NOON.isoformat()},
    {"plate": "7A*", "captured_from": SINCE},
    {"plate": "*A*", "device_ids": [str(DEVICE)], "captured_to": NOON.isoformat()},
    {"area": {"latitude": SOLANO.latitude, "longitude": SOLANO.longitude, "radius_m": 500}},
]


def second(retention, **purpose):
    """Return headers of a second person; their purpose names the hold's case by default."""
    authority = retention.authority
    headers = authority.headers(account_id=SECOND, name="Sergeant Eight")
    claims = {"case_number": CASE, **purpose}
    headers["X-ALPR-Purpose"] = authority.purpose_token(account_id=SECOND, **claims)
    return headers


async def confirm(retention, hold, status=200, headers=None):
    path = f"/v1/holds/{hold['hold_id']}/confirmation"
    answer = await retention.client.post(path, json=WHY, headers=headers or second(retention))
    assert answer.status_code == status, answer.text
    return answer.json()


async def records(retention, hold, status=200):
    return (await retention.get(f"/v1/holds/{hold['hold_id']}/records", status)).json()


@pytest.mark.clause("468.5/wide-holds")
@pytest.mark.clause("468.4/narrowness")
@pytest.mark.parametrize("criteria", WIDE)
async def test_records_of_a_wide_hold_are_refused_and_not_exported_before_its_confirmation(
    retention, criteria
):
    await retention.store(a_read("7ABC123", NOON - timedelta(hours=1)))
    hold = await place(retention, **criteria)
    assert (hold["wide"], hold["awaits_confirmation"]) == (True, True)
    refused = await records(retention, hold, 403)
    assert refused["code"] == "hold_unconfirmed"
    assert "another person than the one who placed it" in refused["detail"]
    assert (await request(retention, hold, 403))["code"] == "hold_unconfirmed"
    assert await retention.fetch("SELECT 1 FROM evidence_exports") == []
    assert await retention.emitted(RecordsDisclosed) == []
    attempts = [attempt.allowed for attempt in await retention.emitted(AccessAttempted)]
    assert attempts == [True, True, False, True, False]

    shown = await confirm(retention, hold)
    assert (shown["wide"], shown["awaits_confirmation"]) == (True, False)
    assert shown["confirmed_by"]["name"] == "Sergeant Eight"
    assert shown["confirmation_reason"] == WHY["reason"]
    assert [read["plate"] for read in (await records(retention, hold))["items"]] == ["7ABC123"]
    await request(retention, hold)
    told = await retention.emitted(HoldChanged)
    assert [(e.change, e.actor.person_id == SECOND) for e in told] == [
        ("placed", False),
        ("confirmed", True),
    ]


@pytest.mark.clause("468.5/wide-holds")
@pytest.mark.clause("468.5/holds")
async def test_a_wide_hold_keeps_records_immediately(retention):
    await retention.store(a_read("7ABC123", LONG_AGO), a_read("8XYZ987", LONG_AGO))
    hold = await place(retention, plate="7A*")
    assert hold["awaits_confirmation"]
    await purge(retention)
    kept = await retention.fetch("SELECT plate_as_read FROM held_reads")
    assert [row.plate_as_read for row in kept] == ["7ABC123"]


@pytest.mark.clause("468.5/wide-holds")
@pytest.mark.parametrize(
    ("claims", "word"),
    [
        ({"case_number": "26-009999"}, "case"),
        ({"case_number": None, "call_number": "C-26-17"}, "case"),
        ({"scope": {"plate": "7ABC123"}}, "outside"),
    ],
)
async def test_a_confirmer_needs_a_purpose_that_names_the_case_and_covers_the_hold(
    retention, claims, word
):
    hold = await place(retention, captured_from=SINCE)
    refused = await confirm(retention, hold, 403, second(retention, **claims))
    assert word in refused["detail"]
    await records(retention, hold, 403)
    assert [event.change for event in await retention.emitted(HoldChanged)] == ["placed"]
    last = (await retention.emitted(AccessAttempted))[-3:]
    assert [attempt.allowed for attempt in last] == [False, True, False]


@pytest.mark.clause("468.5/wide-holds")
async def test_the_placer_of_a_wide_hold_cannot_confirm_it(retention):
    hold = await place(retention, captured_from=SINCE)
    refused = await confirm(retention, hold, 403, retention.authority.headers())
    assert refused["code"] == "hold_confirmed_by_placer"
    await records(retention, hold, 403)


CONFIRMED = "UPDATE holds SET confirmed_by = {by}, confirmed_at = {at} RETURNING hold_id"
ANOTHER = """placed_by || '{"person_id"\\: "another"}'"""


@pytest.mark.clause("468.5/wide-holds")
@pytest.mark.parametrize(
    ("by", "at"),
    [
        ("placed_by", "now()"),
        ("""placed_by || '{"name"\\: "C. Other"}'""", "now()"),
        ("placed_by - 'person_id'", "now()"),
        ("'null'\\:\\:jsonb", "now()"),
        ("NULL", "now()"),
        (ANOTHER, "NULL"),
    ],
)
async def test_the_tables_refuse_a_confirmation_by_the_placer_or_without_a_person_or_time(
    retention, by, at
):
    """The tables refuse it to any software that has the service's role."""
    hold = await place(retention, captured_from=SINCE)
    with pytest.raises(IntegrityError, match="confirmed_by_a_second_person"):
        await retention.fetch(CONFIRMED.format(by=by, at=at))
    await records(retention, hold, 403)
    assert len(await retention.fetch(CONFIRMED.format(by=ANOTHER, at="now()"))) == 1


@pytest.mark.clause("468.5/wide-holds")
@pytest.mark.parametrize(
    "criteria",
    [
        {"plate": "7AB*"},
        {"read_ids": [str(DEVICE)]},
        {"device_ids": [str(DEVICE)], "captured_from": SINCE, "captured_to": NOON.isoformat()},
    ],
)
async def test_a_hold_within_the_limits_of_a_search_needs_no_confirmation(retention, criteria):
    if "captured_from" in criteria:
        criteria = {**criteria, "captured_from": (NOON - timedelta(days=31)).isoformat()}
    hold = await place(retention, **criteria)
    assert (hold["wide"], hold["awaits_confirmation"]) == (False, False)
    await records(retention, hold)
    await confirm(retention, hold, 409)


@pytest.mark.clause("468.5/wide-holds")
async def test_a_hold_that_two_people_confirm_at_once_is_confirmed_once(retention):
    hold = await place(retention, **WIDE[0])
    path = f"/v1/holds/{hold['hold_id']}/confirmation"
    answers = await locked_while(
        retention.runtime.db,
        f"SELECT FROM holds WHERE hold_id = '{hold['hold_id']}' FOR UPDATE",
        *(retention.client.post(path, json=WHY, headers=second(retention)) for _ in range(2)),
    )
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    told = [event.change for event in await retention.emitted(HoldChanged)]
    assert told == ["placed", "confirmed"]


async def test_a_hold_is_confirmed_once_and_while_it_is_in_force(retention):
    hold = await place(retention, captured_from=SINCE)
    await confirm(retention, hold)
    await confirm(retention, hold, 409)
    ended = await place(retention, captured_from=SINCE)
    path = f"/v1/holds/{ended['hold_id']}/release"
    ended = await retention.post(path, {"reason": "placed in error"}, account_id=SECOND)
    assert (ended["wide"], ended["awaits_confirmation"]) == (True, False)
    await confirm(retention, ended, 409)


@pytest.mark.clause("468.5/hold-release")
async def test_who_confirmed_a_hold_and_who_released_it_are_both_on_record(retention):
    hold = await place(retention, captured_from=SINCE)
    await confirm(retention, hold)
    released = await release(retention, hold)
    people = [released[f"{step}_by"]["name"] for step in ("placed", "confirmed", "released")]
    assert people == ["Officer Seven", "Sergeant Eight", "C. Other"]
    told = await retention.emitted(HoldChanged)
    assert [event.actor.name for event in told] == people
    assert [event.change for event in told] == ["placed", "confirmed", "released"]
    for event in told:
        said = (event.basis, event.case_number, event.criteria)
        assert said == (hold["basis"], hold["case_number"], hold["criteria"])


FORGOTTEN = "UPDATE holds SET confirmed_by = NULL, confirmed_at = NULL RETURNING 1"
"""A hold as placed before holds had to be confirmed."""


@pytest.mark.clause("468.5/wide-holds")
async def test_an_earlier_export_of_a_wide_hold_is_refused_until_the_hold_is_confirmed(
    retention,
):
    await retention.store(a_read("7ABC123", NOON - timedelta(hours=1)))
    hold = await place(retention, captured_from=SINCE)
    await confirm(retention, hold)
    export = await request(retention, hold)
    await retention.running.evidence.work()
    path = f"/v1/evidence-exports/{export['export_id']}"
    assert (await retention.get(path)).json()["reads"] == 1
    await retention.fetch(FORGOTTEN)
    shown = (await retention.get(path)).json()
    assert [shown[name] for name in ("reads", "hits", "captures", "images", "omitted")] == [
        None
    ] * 5
    [listed] = (await retention.get("/v1/evidence-exports")).json()["items"]
    assert listed["reads"] is None
    assert (await retention.get(f"{path}/package", 403)).json()["code"] == "hold_unconfirmed"
    await confirm(retention, hold)
    assert (await retention.get(path)).json()["reads"] == 1
    await retention.get(f"{path}/package")


@pytest.mark.clause("468.5/wide-holds")
async def test_a_package_is_not_built_while_its_hold_awaits_a_confirmation(retention):
    await retention.store(a_read("7ABC123", NOON - timedelta(hours=1)))
    hold = await place(retention, captured_from=SINCE)
    await confirm(retention, hold)
    export = await request(retention, hold)
    await retention.fetch(FORGOTTEN)
    await retention.running.evidence.work()
    shown = (await retention.get(f"/v1/evidence-exports/{export['export_id']}")).json()
    assert shown["state"] == "failed"
    assert "another person" in shown["fault"]
    told = await retention.emitted(RecordsDisclosed)
    assert {event.record_kind for event in told} <= {"hold", "evidence_export"}
    assert [key for key in retention.stored_keys if key.startswith("evidence/")] == []
