"""Exports leave sealed values out, unless they are asked for with a purpose; then every one is checked offline."""

import asyncio
import json
from datetime import timedelta
from hashlib import sha256

import msgspec
import pytest

from services.audit.actions import exports
from services.audit.actions.export import Disclosed, Opening, as_line, lines
from services.audit.actions.preparation import entry_from
from services.audit.actions.verify import verify_export
from services.audit.store.log import Head, Log
from services.audit.workers.erasing import Eraser
from shared.core.errors import Conflict
from shared.core.merkle import Span
from shared.events import (
    AccessAttempted,
    Actor,
    DisclosedDay,
    DisclosedRecord,
    PurposeRecord,
    RecordsDisclosed,
    ValuesExported,
)
from shared.testing import eventually
from tests.integration.audit.conftest import AUDITOR, a_disclosure, an_attempt
from tests.integration.audit.erasing import BEFORE, purge, sightings
from tests.integration.audit.offline import VERIFIER, command
from tests.integration.audit.outside_checks import check_export, check_values

__all__ = ["command", "purge"]

pytestmark = pytest.mark.clause("wall/exported-values")

PLATES = ("1GONE11", "2HELD22", "3GONE33", "4LATE44", "5YOUNG5")


@pytest.fixture
def export(client, auditor):
    """Export over HTTP; return the lines."""

    async def ask(status=200, kind="audit", **body):
        response = await client.post("/v1/exports", json=body, headers=auditor(kind))
        assert response.status_code == status, response.text
        return response.content.splitlines(keepends=True)

    return ask


def judged(exported):
    return verify_export(iter(exported), [VERIFIER])


def plain(exported):
    """Decode a file as its reader can, disclosures included."""
    found = []
    for line in exported:
        said = json.loads(line)
        if said.get("disclosure"):
            groups = {said["name"]: [said["disclosure"], *(said["records"] or ())]}
            digests = _digests(exported, said["of"])
            found.append(check_values({"data": {"_sd": digests}}, groups))
        found.append(line.decode())
    return str(found)


def _digests(exported, seq):
    [entry] = [line for line in map(json.loads, exported) if line.get("seq") == seq]
    return json.loads(entry["entry"])["data"]["_sd"]


@pytest.fixture
async def few_a_day(app, runtime, policy):
    """The policy lets a person see five records a day."""
    limits = msgspec.structs.replace(policy.limits, disclosed_finding=5, disclosed_refused=5)
    runtime.policy = msgspec.structs.replace(policy, limits=limits)


@pytest.mark.clause("468.4(a)/disclosed-limit")
async def test_an_export_counts_as_many_records_as_its_values_hold(
    deliver, clock, export, query, few_a_day
):
    await deliver(*sightings(clock))
    assert len(await query("SELECT 1 FROM sealed_values")) > 5
    [problem] = await export(403, with_values=True)
    assert b"disclosure_limit" in problem
    assert await query("SELECT 1 FROM entries WHERE kind = 'values.exported'") == []
    for _ in range(5):
        await export()  # without values, one each
    await export(403)


async def test_an_export_without_values_counts_the_values_left_out(deliver, clock, export, query):
    await deliver(*sightings(clock))
    exported = await export()
    assert not any(line.startswith(b'{"of"') for line in exported)
    text = b"".join(exported)
    for value in await query("SELECT disclosure, records FROM sealed_values"):
        assert value.disclosure.encode() not in text
        assert not any(record.encode() in text for record in value.records or ())
    found = judged(exported)
    assert found.ok, found.faults
    assert (found.values, found.left_out) == (0, 8)
    assert await query("SELECT 1 FROM entries WHERE kind = 'values.exported'") == []


async def test_an_export_with_an_unknown_field_is_refused(deliver, clock, export):
    await deliver(*sightings(clock))
    [problem] = await export(422, with_value=True)
    assert b"with_value" in problem


async def test_an_export_with_values_contains_and_verifies_all_of_them(deliver, clock, export):
    await deliver(*sightings(clock), an_attempt(clock))
    exported = await export(with_values=True)
    assert msgspec.json.decode(exported[0], type=Opening).values
    for plate in PLATES:
        assert plate in plain(exported)
    found = judged(exported)
    assert found.ok, found.faults
    assert (found.values, found.left_out) == (8, 0)


async def test_an_export_of_values_is_logged_before_its_first_byte(
    deliver, clock, export, query, monkeypatch, runtime, bus, sound
):
    await deliver(*sightings(clock))
    size = (await query("SELECT count(*) FROM entries"))[0].count
    seen = []

    async def watched(*arguments, **named):
        seen.extend(await query("SELECT seq, entry FROM entries WHERE kind = 'values.exported'"))
        async for piece in lines(*arguments, **named):
            yield piece

    monkeypatch.setattr(exports, "lines", watched)
    await export(with_values=True, first=1)
    [row] = seen
    said = json.loads(row.entry)["data"]
    assert row.seq == size
    assert (said["first"], said["end"], said["values"]) == (1, size, 8)
    assert said["origin"] == VERIFIER.name
    assert said["actor"]["person_id"] == AUDITOR
    assert said["purpose"]["kind"] == "audit"
    await runtime.relay.drain()
    [event] = bus.events(ValuesExported)
    [attempt] = bus.events(AccessAttempted)
    assert event.attempt_id == attempt.attempt_id
    assert attempt.elements["body"]["with_values"] is True
    await deliver()  # its own event comes back from Kafka
    assert len(await query("SELECT 1 FROM entries WHERE kind = 'values.exported'")) == 1
    await sound()


@pytest.mark.clause("468.4(a)/purpose-opens")
async def test_values_are_exported_only_for_the_purpose_of_an_audit(
    deliver, clock, export, query, runtime, bus
):
    await deliver(*sightings(clock))
    for kind in ("criminal_investigation", None):
        refused = await export(403, kind=kind, with_values=True)
        assert not any(line.startswith(b'{"of"') for line in refused)
    assert await query("SELECT 1 FROM entries WHERE kind = 'values.exported'") == []
    await runtime.relay.drain()
    attempts = [event for event in bus.events(AccessAttempted) if event.service == "audit"]
    assert [event.allowed for event in attempts] == [False, False]


async def test_an_export_with_values_waits_for_an_append_and_ends_at_its_own_entry(
    deliver, clock, export, query, runtime
):
    await deliver(*sightings(clock))

    async def is_waiting():
        return (await query("SELECT count(*) FROM pg_locks WHERE NOT granted"))[0].count == 1

    async with runtime.db.begin() as connection:
        log = Log(connection)
        await log.lock()
        exporting = asyncio.create_task(export(with_values=True))
        await eventually(is_waiting)
        entry = entry_from(an_attempt(clock), "audit")
        await log.append(await log.head(Head()), [entry], clock.now())
    await exporting
    [row] = await query("SELECT seq, entry FROM entries WHERE kind = 'values.exported'")
    assert json.loads(row.entry)["data"]["end"] == row.seq


async def test_an_export_with_values_must_reach_the_end_of_the_log(deliver, clock, export):
    """The positions of the entries that account for the erased values."""
    await deliver(*sightings(clock))
    [problem] = await export(422, with_values=True, end=3)
    assert json.loads(problem)["field"] == "body.end"
    assert judged(await export(with_values=True, first=2)).ok


async def test_certificates_account_for_erased_values_in_an_export(deliver, clock, purge, export):
    await deliver(*sightings(clock))
    first = await purge()
    second = await purge(purged=("held", "after_noon"), held=(), before=BEFORE + timedelta(days=1))
    exported = await export(with_values=True)
    for plate in PLATES:
        assert (plate in plain(exported)) == (plate == "5YOUNG5")
    found = judged(exported)
    assert found.ok, found.faults
    sums = {one.run_id: (one.groups, one.certificate) for one in found.erased}
    assert sums == {str(first.run_id): (5, "c1" * 32), str(second.run_id): (3, "c1" * 32)}
    for start in (1, 2, 3, 6, 9):
        part = judged(await export(with_values=True, first=start))
        assert part.ok, (start, part.faults)
    without = judged(await export())
    assert (without.ok, without.left_out, without.erased) == (True, 8, [])


def group(exported, seq, name=None):
    """Return the place and the content of a line with a value of entry `seq`."""
    for place, line in enumerate(exported):
        if line.startswith(b'{"of":%d,' % seq):
            said = msgspec.json.decode(line, type=Disclosed)
            if name in (None, said.name):
                return place, said
    raise AssertionError(f"no value of entry {seq}")


def put(exported, place, said, **changes):
    changed = [*exported]
    changed[place] = as_line(msgspec.structs.replace(said, **changes))
    return changed


def altered(text):
    return f"{text[:30]}{'A' if text[30] != 'A' else 'B'}{text[31:]}"


def change_value(exported):
    place, said = group(exported, 3)
    return put(exported, place, said, disclosure=altered(said.disclosure))


def change_record(exported):
    place, said = group(exported, 1, "records/2025-04-28")
    return put(exported, place, said, records=[altered(said.records[0])])


def drop_value(exported):
    place, _ = group(exported, 3)
    return exported[:place] + exported[place + 1 :]


def drop_record(exported):
    place, said = group(exported, 1, "records/2025-04-28")
    return put(exported, place, said, records=[None])


def swap_values(exported):
    one, other = group(exported, 3), group(exported, 1, "records")
    changed = put(exported, *one, disclosure=other[1].disclosure)
    return put(changed, *other, disclosure=one[1].disclosure)


def swap_records(exported):
    """Swap the records of a group of two, in an export before the purge."""
    place, said = group(exported, 1, "records/2025-04-20")
    return put(exported, place, said, records=said.records[::-1])


def add_value(exported):
    place, said = group(exported, 3)
    extra = as_line(msgspec.structs.replace(said, name="unknown"))
    return [*exported[: place + 1], extra, *exported[place + 1 :]]


def add_value_to_an_entry_without(exported):
    _, said = group(exported, 3)
    after = next(n for n, line in enumerate(exported) if line.startswith(b'{"seq":0,'))
    extra = as_line(msgspec.structs.replace(said, of=0))
    return [*exported[: after + 1], extra, *exported[after + 1 :]]


def repeat_value(exported):
    place, _ = group(exported, 3)
    return [*exported[: place + 1], exported[place], *exported[place + 1 :]]


def call_it_erased(exported):
    """Mark a value as erased by the purge of the log: by the id of that purge, if there is one."""
    _, erased = group(exported, 2)
    place, said = group(exported, 3)
    return put(exported, place, said, disclosure=None, erased=erased.erased)


def call_it_erased_by_nobody(exported):
    place, said = group(exported, 3)
    [part] = group(exported, 2)[1].erased
    nobody = msgspec.structs.replace(part, purged_event_id="00000000-0000-4000-8000-000000000001")
    return put(exported, place, said, disclosure=None, erased=[nobody])


def forget_that_it_was_erased(exported):
    place, _ = group(exported, 2)
    return exported[:place] + exported[place + 1 :]


def put_back(exported):
    place, said = group(exported, 2)
    _, other = group(exported, 3)
    return put(exported, place, said, disclosure=other.disclosure)


def say_that_values_are_left_out(exported):
    opening = msgspec.json.decode(exported[0], type=Opening)
    return [as_line(msgspec.structs.replace(opening, values=False)), *exported[1:]]


AFTER_A_PURGE = {
    change_value: (3, "the value of sighting is not the one that was logged"),
    change_record: (1, "record 0 of records/2025-04-28 is not the one that was logged"),
    drop_value: (3, "the value of sighting is missing, and no purge erased it"),
    drop_record: (1, "record 0 of records/2025-04-28 is missing, and no purge erased it"),
    swap_values: (1, "the value of records is not the one that was logged"),
    add_value: (3, "it has no digest of unknown, but there is a value of it"),
    add_value_to_an_entry_without: (0, "it has no digest of sighting, but there is a value of it"),
    repeat_value: (4, "each once"),
    call_it_erased: (1, "are not those of its entry"),
    call_it_erased_by_nobody: (3, "but no entry records it"),
    forget_that_it_was_erased: (2, "the value of sighting is missing, and no purge erased it"),
    put_back: (2, "the value of sighting is not the one that was logged"),
    say_that_values_are_left_out: (2, "says that values are left out"),
}


@pytest.mark.parametrize("how", AFTER_A_PURGE, ids=lambda how: how.__name__)
async def test_tampering_with_exported_values_is_detected(deliver, clock, purge, export, how):
    await deliver(*sightings(clock))
    await purge()
    exported = await export(with_values=True)
    assert judged(exported).ok
    found = judged(how(exported))
    seq, said = AFTER_A_PURGE[how]
    assert any(said in fault.what for fault in found.faults), found.faults
    assert found.first_bad == seq, found.faults


async def test_swapped_records_of_an_export_are_detected(deliver, clock, export):
    await deliver(*sightings(clock))
    found = judged(swap_records(await export(with_values=True)))
    assert found.first_bad == 1
    assert "record 0 of records/2025-04-20 is not the one" in found.faults[0].what


async def test_a_partial_export_lists_earlier_erasings_or_does_not_verify(
    deliver, clock, purge, export
):
    await deliver(*sightings(clock))
    await purge()
    exported = await export(with_values=True, first=4)
    before = [n for n, line in enumerate(exported) if line.startswith(b'{"purged_event_id"')]
    assert len(before) == 3
    assert judged(exported).ok
    for place in before:
        found = judged(exported[:place] + exported[place + 1 :])
        assert any("are not those of its entry" in fault.what for fault in found.faults)
    late = [
        *exported[: before[-1]],
        *exported[before[-1] + 1 : -1],
        exported[before[-1]],
        exported[-1],
    ]
    assert not judged(late).ok


async def test_an_export_that_a_purge_overtakes_is_refused_before_its_first_line(
    app, deliver, clock, purge, writer, runtime
):
    await deliver(*sightings(clock))
    await purge(follow=False)
    async with runtime.db.begin() as connection:
        size = await Log(connection).size()
        note = await writer.sign_for(connection, size)
    await Eraser(runtime, writer).catch_up()
    async with runtime.db.begin() as connection:
        exported = lines(connection, VERIFIER.name, Span(0, size), note, values=True)
        with pytest.raises(Conflict):
            await anext(exported)


WHO = ("--person-id", "dba-1", "--name", "D. Base", "--title", "Contractor")


async def test_the_export_command_requires_a_purpose_and_a_reason_for_values(
    deliver, clock, purge, command, query, tmp_path, runtime
):
    await deliver(*sightings(clock))
    purged = await purge()
    file = tmp_path / "log.jsonl"
    for more in (
        ("--reason", "yearly audit"),
        ("--reason", "yearly audit", "--purpose", "personal_use"),
        ("--reason", "audit", "--purpose", "audit"),
        ("--reason", "  audit      ", "--purpose", "audit"),
    ):
        status, said = await command("export", str(file), *WHO, *more, "--with-values")
        assert (status, file.exists()) == (2, False), said
    await deliver()
    rows = await query("SELECT allowed, purpose_kind FROM entries WHERE person_id = 'dba-1'")
    assert [tuple(row) for row in rows] == [
        (False, "none"),
        (False, "personal_use"),
        (False, "audit"),
        (False, "audit"),
    ]
    assert await query("SELECT 1 FROM entries WHERE kind = 'values.exported'") == []
    more = ("--reason", "yearly audit", "--purpose", "audit", "--with-values")
    status, said = await command("export", str(file), *WHO, *more)
    assert status == 0, said
    [row] = await query("SELECT entry FROM entries WHERE kind = 'values.exported'")
    said = json.loads(row.entry)["data"]
    assert (said["actor"]["person_id"], said["purpose"]["justification"]) == (
        "dba-1",
        "yearly audit",
    )
    status, said = await command("verify-export", str(file), "--vkey", VERIFIER.vkey, key=False)
    assert status == 0, said
    assert "values       5 compared, 0 left out of the export" in said.splitlines()
    assert f"under purge {purged.run_id}, certificate {'c1' * 32}" in said
    bare = tmp_path / "bare.jsonl"
    assert (await command("export", str(bare), *WHO, "--reason", "audit"))[0] == 0
    status, said = await command("verify-export", str(bare), "--vkey", VERIFIER.vkey, key=False)
    assert (status, "values       0 compared, 8 left out of the export" in said) == (0, True)


@pytest.mark.parametrize(
    ("reason", "more", "refused"),
    [
        ("audit", (), None),
        ("yearly audit", ("--purpose", "audit", "--with-values"), None),
        ("audit", ("--with-values",), "an export of sealed values requires --purpose audit"),
    ],
)
async def test_what_is_recorded_of_an_export_by_command(
    deliver, clock, command, tmp_path, runtime, bus, reason, more, refused
):
    """Its attempt, its disclosure and the log's own entry, all of one person for one purpose."""
    search = an_attempt(clock)
    await deliver(search, *[a_disclosure(clock, search) for _ in range(2)])
    asked = ("export", str(tmp_path / "log.jsonl"), *WHO, "--reason", reason, *more)
    assert (await command(*asked))[0] == (2 if refused else 0)
    await runtime.relay.drain()
    attempt = bus.events(AccessAttempted)[-1]
    common = {
        "occurred_at": attempt.occurred_at,
        "attempt_id": attempt.attempt_id,
        "actor": Actor(
            person_id="dba-1", name="D. Base", title="Contractor", agency_ori="CA0520100"
        ),
        "purpose": PurposeRecord(kind="none" if refused else "audit", justification=reason),
        "request_id": attempt.request_id,
    }
    access = {**common, "service": "audit", "permission": "audit:read"}
    span = {"first": 0, "end": 0 if refused else 3}
    wanted = AccessAttempted(
        **access, event_id=attempt.event_id, method="CLI", route="export", client_address="",
        elements={**span, "with_values": bool(more), "old_log": False}, allowed=not refused, reason=refused,
    )  # fmt: skip
    assert attempt == wanted
    records = [DisclosedDay(shown=[DisclosedRecord(record_id="0-2")])]
    disclosed = bus.events(RecordsDisclosed)
    assert disclosed == [
        RecordsDisclosed(
            **access, event_id=one.event_id, record_kind="audit_entries", records=records, count=3
        )
        for one in disclosed
    ]
    exported = bus.events(ValuesExported)
    assert exported == [
        ValuesExported(
            **{**common, "occurred_at": one.occurred_at},
            **span,
            event_id=one.event_id,
            origin=VERIFIER.name,
            values=2,
        )
        for one in exported
    ]
    assert (len(disclosed), len(exported)) == (
        0 if refused else 1,
        1 if more and not refused else 0,
    )


async def test_breach_reports_and_plate_searches_include_exported_values(
    deliver, clock, purge, export, client, auditor
):
    await deliver(*sightings(clock))
    await purge()
    await export(with_values=True, first=1)
    asked = {"plate": "2HELD22", "person_id": AUDITOR, "kind": "values.exported"}
    found = await client.post("/v1/entries/search", json=asked, headers=auditor())
    [entry] = found.json()["items"]
    assert entry["purpose_kind"] == "audit"
    gone = await client.post(
        "/v1/entries/search", json={**asked, "plate": "1GONE11"}, headers=auditor()
    )
    assert gone.json()["items"] == []
    period = {
        "occurred_from": (clock.now() - timedelta(hours=1)).isoformat(),
        "occurred_to": (clock.now() + timedelta(hours=1)).isoformat(),
    }
    body = {"person_id": AUDITOR, **period}
    report = (await client.post("/v1/breach-reports", json=body, headers=auditor())).json()
    assert set(report["plates"]) == {"2HELD22", "4LATE44", "5YOUNG5"}
    assert report["records_by_kind"]["log_value"] == 4


async def test_an_export_is_found_by_the_plates_of_the_entries_that_it_covers_alone(
    deliver, clock, export, client, auditor, query
):
    plates = ["1BEFORE", "2WITHIN", "3AFTER3"]
    before, within, after = (
        a_disclosure(clock, an_attempt(clock), record_ids=("r1",), plates=(plate,))
        for plate in plates
    )
    await deliver(before, within)
    [(first,)] = await query("SELECT seq FROM entries WHERE event_id = :id", id=within.event_id)
    await export(with_values=True, first=first)
    await deliver(after)
    found = {}
    for plate in plates:
        asked = {"plate": plate, "kind": "values.exported"}
        answer = await client.post("/v1/entries/search", json=asked, headers=auditor())
        found[plate] = len(answer.json()["items"])
    assert found == {"1BEFORE": 0, "2WITHIN": 1, "3AFTER3": 0}


async def test_an_outsider_checks_the_values_of_an_export(deliver, clock, purge, client, export):
    """By docs/audit-log.md alone: the values, the erased ones among them, and the list's digest."""
    await deliver(*sightings(clock), an_attempt(clock))
    await purge()
    [key] = (await client.get("/v1/keys")).json()["keys"]
    exported = await export(with_values=True)
    groups = [json.loads(line) for line in exported if line.startswith(b'{"of"')]
    entries = check_export(
        [line for line in exported if not line.startswith(b'{"of"')], key["verifier_key"]
    )
    told = {(one["of"], one["name"]): one for one in groups}
    listed = {}
    for seq, entry in enumerate(entries):
        for name in entry["data"].get("_sd", {}):
            one = told.pop((seq, name))
            erased = [part["places"] for part in one["erased"]]
            assert (one["disclosure"] is None) == (None in erased)
            if one["disclosure"] is not None:
                shown = {name: [one["disclosure"], *(one["records"] or ())]}
                assert check_values(entry, shown)
            for part in one["erased"]:
                places = part["places"]
                more = "" if places is None else " " + ",".join(map(str, places))
                listed.setdefault(part["purged_event_id"], []).append(f"{seq} {name}{more}\n")
    assert told == {}
    [said] = [e["data"] for e in entries if e["type"].startswith("alpr.values.erased.")]
    lines_of_it = "".join(listed.pop(said["purged_event_id"]))
    assert said["list_sha256"] == sha256(lines_of_it.encode()).hexdigest()
    assert listed == {}
    assert said["certificate_sha256"] == "c1" * 32
