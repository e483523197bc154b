"""The hits in evidence: as the officer saw them, as the log has them, for as long as the hold is."""

import json
import tomllib
import zipfile
from datetime import UTC, datetime, timedelta, timezone
from itertools import permutations
from uuid import UUID, uuid4

import msgspec
import pytest

from services.audit.actions.preparation import prepare
from services.hotlist.settings import Settings as HotlistSettings
from services.retention.domain.bag import BagWriter
from services.retention.domain.signing import Signer, load_public
from services.retention.domain.verifying import verify_package
from shared.core.errors import InternalFault
from shared.core.policy import digest_of
from shared.events import (
    HitDisposed,
    HitRaised,
    HitVerified,
    RecordsDisclosed,
    RecordsPurged,
)
from shared.kafka.codec import Message, encode
from tests.integration.hotlist.conftest import serving
from tests.integration.retention.conftest import a_hit, a_read, started, verify_command
from tests.integration.retention.evidence import OFFICER, a_worked_hit, lines, public_key, written
from tests.integration.retention.exporting import current as export_shown
from tests.integration.retention.exporting import exported, request, withdraw
from tests.integration.retention.holding import LONG_AGO, place, release
from tests.integration.retention.packaging import NOON, an_approval, build, content, names
from tests.integration.retention.purging import purge

LIST = (
    "plate,state,record_kind,reason,make,colour,year,caution,entering_ori,entering_reference\n"
    "7ABC123,CA,stolen_vehicle,taken at gunpoint,Toyota,blue,2019,armed and dangerous,CA0190200,NIC-1\n"
)
VERIFIED = {"method": "CLETS", "reference": "T26-1", "outcome": "misread", "note": "an O, not a 0"}
DISPOSED = {"disposition": "stopped, let go", "enforcement": True, "unverified_reason": "armed"}


def as_logged(event):
    """Return the audit log's content of an event, in the entry and sealed beside it, as one body."""
    record = encode(event, "hotlist")
    prepared = prepare(Message(record.topic, 0, 0, None, record.value, dict(record.headers)))
    assert prepared.groups, "nothing is sealed: this compares nothing"
    logged = json.loads(bytes(prepared.stays))
    for group in prepared.groups:
        logged |= json.loads(group.value)
    return logged


@pytest.mark.clause("468.5/whole-evidence")
async def test_a_hit_has_its_read_outcome_and_disposition_in_any_order_of_its_events(retention):
    for number, order in enumerate(permutations(range(3))):
        at = NOON - timedelta(minutes=number)
        read = a_read("7ABC123", at)
        named = {"hit_id": UUID(int=number + 1), "read_id": read.read_id}
        verified = HitVerified(
            occurred_at=NOON, verified_by=OFFICER, method="CLETS", reference="T26-1",
            outcome="misread", captured_on=at.date(), **named,
        )  # fmt: skip
        disposed = HitDisposed(
            occurred_at=NOON, disposed_by=OFFICER, disposition="let go", enforcement=False,
            captured_on=at.date(), **named,
        )  # fmt: skip
        events = a_hit(read, hit_id=named["hit_id"]), verified, disposed
        await retention.store(read)
        for place_in_order in order:
            await retention.store(events[place_in_order])
        [row] = await retention.fetch(
            "SELECT captured_at, source, outcome, disposition FROM hits WHERE hit_id = :hit_id",
            hit_id=named["hit_id"],
        )
        assert tuple(row) == (at, "state", "misread", "let go"), order


@pytest.mark.clause("468.5/whole-evidence")
async def test_evidence_contains_each_hit_with_its_verification_and_dispositions(
    retention, tmp_path
):
    read, hit, verified, disposed = await a_worked_hit(retention)
    silent = a_read("7ABC123", NOON - timedelta(hours=1))
    await retention.store(silent)
    await a_worked_hit(retention, number=2, plate="8XYZ987")  # not held
    _, export = await exported(retention, plate="7ABC123")
    path = await written(retention, export, tmp_path / "evidence.zip")
    [told] = lines(path, "data/hits.jsonl")
    assert (told["hit_id"], told["read_id"]) == (str(hit.hit_id), str(read.read_id))
    assert told["raised"] == msgspec.to_builtins(hit)
    assert told["verification"] == msgspec.to_builtins(verified)
    assert told["dispositions"] == [msgspec.to_builtins(event) for event in disposed]
    named = {r["read_id"]: r["hits"] for r in lines(path, "data/records.jsonl")}
    assert named == {str(silent.read_id): [], str(read.read_id): [str(hit.hit_id)]}
    assert "Hits: 1\n" in content(path, "bag-info.txt").decode()
    verdict = verify_package(path, load_public(await public_key(retention)))
    assert (verdict.faults, verdict.hits) == ([], 1)
    assert (export["reads"], export["hits"]) == (2, 1), "as the package itself says"
    shown = [e for e in await retention.emitted(RecordsDisclosed) if e.record_kind == "hit"]
    assert [e.all_ids for e in shown] == [[str(hit.hit_id)]]


@pytest.mark.clause("468.5/whole-evidence")
@pytest.mark.parametrize("source", ["department", "state", "federal"])
async def test_evidence_contains_hits_of_every_list_for_every_requester(
    retention, tmp_path, source
):
    await a_worked_hit(retention, source)
    _, export = await exported(retention, plate="7ABC123")
    path = await written(retention, export, tmp_path / "evidence.zip")
    assert [told["raised"]["source"] for told in lines(path, "data/hits.jsonl")] == [source]


@pytest.mark.clause("468.5/whole-evidence")
async def test_evidence_contains_the_policy_in_force_byte_for_byte(retention, tmp_path, repository):
    await retention.store(a_read("7ABC123", NOON))
    _, export = await exported(retention, plate="7ABC123")
    path = await written(retention, export, tmp_path / "evidence.zip")
    policy = content(path, "data/policy.toml")
    assert policy == (repository / "policy.toml").read_bytes()
    digest = digest_of(tomllib.loads(policy.decode()))
    assert f"Policy-Digest: {digest}\n" in content(path, "bag-info.txt").decode()
    assert verify_package(path).policy == digest


@pytest.mark.clause("468.5/whole-evidence")
async def test_evidence_contains_only_the_flags_of_a_hit_from_before_hit_events(
    retention, tmp_path
):
    await a_worked_hit(retention)
    read = a_read("7ABC123", NOON - timedelta(hours=2))
    await retention.store(read)
    await retention.fetch(
        "INSERT INTO hits (hit_id, read_id, captured_at, source, record_kind, tier, list_name, outcome)"
        " VALUES (:hit_id, :read_id, :at, 'federal', 'stolen_plate', 'low', 'NCIC', 'misread') RETURNING 1",
        hit_id=UUID(int=9),
        read_id=read.read_id,
        at=read.captured_at,
    )
    _, export = await exported(retention, plate="7ABC123")
    path = await written(retention, export, tmp_path / "evidence.zip")
    [old, _] = lines(path, "data/hits.jsonl")
    assert (old["raised"], old["verification"], old["dispositions"]) == (None, None, [])
    assert old["flags"]["list_name"] == "NCIC"
    assert old["flags"]["outcome"] == "misread"
    assert verify_package(path).holds


@pytest.fixture
async def both(settings, database_url, bus, objects, clock, authority, policy):
    """Retention and hotlist, each with its tables, over one bus and one object store."""
    own = settings.model_dump() | {
        "database_owner_url": database_url,
        "database_allow_owner": True,  # one role for both, here alone
    }
    hotlist_settings = HotlistSettings(**own, hotlist_id_key="A" * 43 + "=")
    parts = (bus, objects, clock, authority, policy)
    async with started(settings, *parts) as retention, serving(hotlist_settings, *parts) as hotlist:
        yield retention, hotlist


async def hit_and_worked(retention, hotlist):
    """Have hotlist raise a hit that an officer works, and retention receive all of its events."""
    list_id = await hotlist.list("state", "SVS")
    await hotlist.upload(list_id, LIST)
    read = hotlist.read(plate="7ABC123", region="US-NV", vehicle_colour="red")
    await retention.store(read)
    await hotlist.see(read)
    [hit] = await hotlist.hits()
    path = f"/v1/hits/{hit['hit_id']}"
    await hotlist.call("POST", f"{path}/verification", json=VERIFIED, status=200)
    await hotlist.call("POST", f"{path}/disposition", json=DISPOSED, status=200)
    shown = await hotlist.call("GET", path)
    for kind in (HitRaised, HitVerified, HitDisposed):
        await retention.store(*await hotlist.announced(kind))
    return read, shown


@pytest.mark.clause("468.5/whole-evidence")
async def test_evidence_matches_the_hit_that_the_officer_saw_and_the_log_sealed(both, tmp_path):
    retention, hotlist = both
    _, shown = await hit_and_worked(retention, hotlist)
    _, export = await exported(retention, plate="7ABC123")
    path = await written(retention, export, tmp_path / "evidence.zip")
    [told] = lines(path, "data/hits.jsonl")
    raised = told["raised"]
    entry = {name: value for name, value in shown["entry"].items() if value is not None}
    assert entry["reason"] == "taken at gunpoint"
    assert (entry["year"], entry["caution"]) == (2019, "armed and dangerous")
    assert raised["entry"] == entry
    assert raised["cautions"] == shown["warnings"]
    assert {c["code"] for c in raised["cautions"]} >= {"state_differs", "colour_differs"}
    for name in (
        "plate_listed", "region_listed", "plate_read", "plate_as_read", "region_read", "list_name",
        "list_version", "list_age_s", "list_stale", "source", "record_kind", "tier", "late", "entry_id",
    ):  # fmt: skip
        assert raised[name] == shown[name], name
    assert told["verification"]["note"] == shown["verification"]["note"] == VERIFIED["note"]
    assert told["dispositions"][0]["unverified_reason"] == "armed"
    [event] = await hotlist.announced(HitRaised)
    assert raised == as_logged(event)
    [event] = await hotlist.announced(HitVerified)
    assert told["verification"] == as_logged(event)
    [event] = await hotlist.announced(HitDisposed)
    assert told["dispositions"] == [as_logged(event)]


@pytest.mark.clause("468.5/whole-evidence")
@pytest.mark.clause("468.5/holds")
async def test_a_hit_is_kept_through_the_purge_as_long_as_the_hold_and_no_longer(both, tmp_path):
    retention, hotlist = both
    read, shown = await hit_and_worked(retention, hotlist)
    unheld = hotlist.read(plate="7ABC123", device=uuid4(), ago_s=5)
    await retention.store(unheld)
    await hotlist.see(unheld)
    await retention.store(*(await hotlist.announced(HitRaised))[1:])
    retention.clock.advance(days=401)
    hold = await place(retention, read_ids=[str(read.read_id)])
    run = await purge(retention)
    assert (run["state"], run["kept_under_hold"]) == ("certified", 1)
    for event in await retention.emitted(RecordsPurged):
        await hotlist.handlers[RecordsPurged]([event])
    [left] = await hotlist.hits()
    assert left["hit_id"] == shown["hit_id"]
    after = await hotlist.call("GET", f"/v1/hits/{shown['hit_id']}")
    # The streams' number of the change is drawn in the background.
    passing = {"age_s": 0, "changed_seq": None}
    assert after | passing == shown | passing
    assert len(await retention.fetch("SELECT 1 FROM hit_events")) == 3
    export = await request(retention, hold)
    await retention.running.evidence.work()
    export = await export_shown(retention, export)
    path = await written(retention, export, tmp_path / "evidence.zip")
    [told] = lines(path, "data/hits.jsonl")
    assert told["raised"]["entry"]["reason"] == "taken at gunpoint"
    assert told["verification"]["note"] == VERIFIED["note"]
    await withdraw(retention, export)
    await release(retention, hold)
    await purge(retention)
    for event in await retention.emitted(RecordsPurged):
        await hotlist.handlers[RecordsPurged]([event])
    cleared = await hotlist.call("GET", f"/v1/hits/{shown['hit_id']}")
    assert (cleared["plate_read"], cleared["entry"], cleared["read_id"]) == (None, None, None)
    assert await retention.fetch("SELECT 1 FROM hit_events") == []
    assert await retention.fetch("SELECT 1 FROM hits") == []


ODD = {
    "a name of a list with NUL": {"list_name": "S\0S"},
    "NUL in a field that people see": {"plate_as_read": "7ABC\0"},
    "a time before all others": {
        "captured_at": datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14)))
    },
}


@pytest.mark.parametrize("changes", ODD.values(), ids=ODD)
async def test_an_event_of_a_hit_that_cannot_be_stored_is_refused_alone(retention, changes):
    """Hotlist sends none; in an attacker's hands it would stop the flags of all hits."""
    read = a_read("7ABC123", NOON)
    with pytest.raises(InternalFault):
        await retention.store(a_hit(read), a_hit(read, hit_id=UUID(int=2), **changes))
    assert await retention.fetch("SELECT 1 FROM hits") == []  # the consumer tries them apart
    await retention.store(a_hit(read))
    assert await retention.fetch("SELECT hit_id FROM hits") == [(UUID(int=1),)]


@pytest.mark.clause("468.5/schedule")
async def test_events_of_a_hit_are_purged_with_its_read(retention):
    await a_worked_hit(retention, at=LONG_AGO)
    await a_worked_hit(retention, number=2)
    await purge(retention)
    left = await retention.fetch("SELECT DISTINCT hit_id FROM hit_events")
    assert [row[0] for row in left] == [UUID(int=2)]


@pytest.mark.clause("468.7/lists")
async def test_a_release_has_hits_of_the_lists_that_the_approval_names_and_of_no_other(
    retention, tmp_path
):
    for number, source in enumerate(("department", "state", "federal"), 1):
        await a_worked_hit(retention, source, NOON - timedelta(hours=number), number)
    _, path = await build(retention, an_approval(), tmp_path)
    assert "data/hits.jsonl" not in names(path)
    assert "data/policy.toml" not in names(path)
    assert all("hits" not in record for record in lines(path, "data/records.jsonl"))
    assert b"SVS" not in path.read_bytes()
    shown = [e for e in await retention.emitted(RecordsDisclosed) if e.record_kind == "hit"]
    assert shown == []
    _, path = await build(retention, an_approval(list_sources=["federal"]), tmp_path)
    [told] = lines(path, "data/hits.jsonl")
    assert told["raised"]["source"] == "federal"
    records = lines(path, "data/records.jsonl")
    assert [record["hits"] for record in records] == [[str(UUID(int=3))], [], []]
    doubts = {"misread_risk", "alternatives", "pass_id", "pass_agrees"}
    assert all(doubts.isdisjoint(record) for record in records)
    assert json.loads(content(path, "data/request.json"))["list_sources"] == ["federal"]
    assert verify_package(path).holds
    _, path = await build(retention, an_approval(list_sources=["department", "state"]), tmp_path)
    assert {t["raised"]["source"] for t in lines(path, "data/hits.jsonl")} == {
        "department",
        "state",
    }


def resigned(path, target, signer, change):
    """Write a package with files changed, manifests and signature made anew: a wrong original, not an alteration."""
    with zipfile.ZipFile(path) as archive:
        [top] = {name.split("/", 1)[0] for name in archive.namelist()}
        files = {n.removeprefix(f"{top}/"): archive.read(n) for n in archive.namelist()}
    info = dict(line.split(": ", 1) for line in files["bag-info.txt"].decode().splitlines())
    bag = BagWriter(target, top, datetime(2026, 1, 1, tzinfo=UTC))
    for name, data in files.items():
        if name.startswith("data/"):
            with bag.file(name.removeprefix("data/")) as file:
                file.write(change(name, data))
    count = change("Hits", info["Hits"].encode()).decode()
    bag.finish(
        {
            **{k: v for k, v in info.items() if k not in ("Payload-Oxum", "Signing-Key-Id")},
            "Hits": count,
        },
        signer,
    )
    return target


UNTRUE = {
    "a hit is left out": (
        lambda n, d: b"" if n.endswith("hits.jsonl") else d,
        "does not list the hits that records.jsonl names",
    ),
    "a hit that no read names": (
        lambda n, d: d.replace(b'"hits":["', b'"hits":[],"was":["') if n.endswith("records.jsonl") else d,
        "does not list the hits",
    ),
    "a hit told twice": (
        lambda n, d: d + d if n.endswith("hits.jsonl") else d,
        "line 2 repeats a hit",
    ),
    "a verification of another hit": (
        lambda n, d: d[: d.index(b'"verification"')]
        + d[d.index(b'"verification"') :].replace(str(UUID(int=1)).encode(), str(UUID(int=7)).encode())
        if n.endswith("hits.jsonl")
        else d,
        "line 1 has an event of another hit",
    ),
    "a count that is wrong": (
        lambda n, d: b"2" if n == "Hits" else d,
        "Hits 2 is not the number",
    ),
    "another policy": (
        lambda n, d: d.replace(b"schedule_days = 400", b"schedule_days = 800") if n.endswith(".toml") else d,
        "not the policy that bag-info.txt names",
    ),
    "hits that are none": (
        lambda n, d: b"{}\n" if n.endswith("hits.jsonl") else d,
        "cannot be compared",
    ),
}  # fmt: skip


@pytest.mark.clause("468.5/whole-evidence")
async def test_evidence_with_inconsistent_contents_does_not_verify(retention, tmp_path, capsys):
    """It is signed as it is: the offline check compares the contents, not only the digests."""
    await a_worked_hit(retention)
    _, export = await exported(retention, plate="7ABC123")
    path = await written(retention, export, tmp_path / "evidence.zip")
    signer = Signer.new()
    key = tmp_path / "key.pem"
    key.write_text(signer.public_pem)
    same = resigned(path, tmp_path / "same.zip", signer, lambda n, d: d)
    assert verify_command([str(same), "--key", str(key)]) == 0
    told = capsys.readouterr().out
    assert "Hits: 1" in told
    assert "The policy in it is the one that was in force" in told
    for what, (change, fault) in UNTRUE.items():
        changed = resigned(path, tmp_path / "changed.zip", signer, change)
        faults = verify_package(changed, load_public(key.read_bytes())).faults
        assert any(fault in found for found in faults), (what, faults)
        assert verify_command([str(changed), "--key", str(key)]) == 1, what


@pytest.mark.parametrize("changes", [{"list_name": "a\x00b"}, {"record_kind": "a\x00b"}])
async def test_a_hit_with_a_value_that_postgres_cannot_have_is_put_aside_and_not_tried_for_ever(
    retention, changes
):
    read = a_read("7ABC123", NOON)
    await retention.store(read)
    with pytest.raises(InternalFault, match="cannot store"):
        await retention.store(a_hit(read, **changes))
    await retention.store(a_hit(read))
