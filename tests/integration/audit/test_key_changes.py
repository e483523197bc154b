"""The log records each change of the checkpoint key; the holder of the first key can verify all later ones."""

import asyncio
from base64 import b64encode
from dataclasses import replace

import msgspec
import pytest

from services.audit.__main__ import COMMANDS
from services.audit.actions.export import KeyProof, Opening, Signature, as_line
from services.audit.actions.verify import verify_export, verify_stored
from services.audit.actions.writer import Writer
from services.audit.service import AuditService
from services.audit.settings import Settings
from services.audit.spec import SPEC
from shared.core.errors import Unavailable
from shared.core.signed_notes import Checkpoint, Signer
from shared.events import SigningKeyChanged
from shared.service.command import status_of
from shared.service.running import attach, service_of
from shared.testing import all_mac_keys, mac_key_text
from tests.integration.audit.conftest import SEED, an_actor, an_attempt
from tests.integration.audit.messages import message_of

ORIGIN = "plateward.local/audit/2"
NEXT = bytes(range(1, 33))
THIRD = bytes(range(2, 34))
OLD_KEY, NEW_KEY, THIRD_KEY = (Signer(ORIGIN, seed).verifier for seed in (SEED, NEXT, THIRD))
WHO = ("--person-id", "adm-1", "--name", "A. Dmin", "--title", "Contractor", "--reason", "yearly")


@pytest.fixture
def rotate(settings, monkeypatch, capsys):
    """Changes the key by the command line; returns its exit status and its output."""

    async def call(old=SEED, new=NEXT):
        for name, seed in (("AUDIT_SIGNING_KEY", old), ("AUDIT_NEXT_SIGNING_KEY", new)):
            monkeypatch.delenv(name, raising=False)
            if seed is not None:
                monkeypatch.setenv(name, b64encode(seed).decode())
        monkeypatch.setenv("EVENT_MAC_KEY", mac_key_text("audit"))
        monkeypatch.setenv("AUDIT_EVENT_MAC_KEYS", all_mac_keys())
        monkeypatch.setenv("DATABASE_URL", settings.database_url)
        monkeypatch.setenv("POLICY_FILE", str(settings.policy_file))
        status = await asyncio.to_thread(status_of, SPEC, COMMANDS, ["rotate-key", *WHO])
        said = capsys.readouterr()
        return status, said.out + said.err

    return call


def holding(runtime, seed, following=None):
    """Return a writer of a process with these keys."""
    keys = {"audit_signing_key": b64encode(seed).decode()}
    if following is not None:
        keys["audit_next_signing_key"] = b64encode(following).decode()
    given = runtime.settings.model_dump() | keys
    return Writer(runtime, Settings(**given))


@pytest.fixture
async def changed(deliver, writer, runtime, clock, rotate):
    """A log of two generations of keys: 40 entries, the change as entry 40, and 30 more; signed."""
    await deliver(*[an_attempt(clock) for _ in range(25)])
    await writer.sign_if_grown()
    await deliver(*[an_attempt(clock) for _ in range(15)])
    status, said = await rotate()
    assert status == 0, said
    both = holding(runtime, SEED, NEXT)
    await deliver(*[an_attempt(clock) for _ in range(10)])
    assert await both.sign_if_grown()
    await deliver(*[an_attempt(clock) for _ in range(20)])
    assert await both.sign_if_grown()
    return both


@pytest.fixture
def recount(runtime):
    async def recounted(*keys, kept=()):
        settings = runtime.settings
        async with runtime.db.begin() as connection:
            return await verify_stored(
                connection, ORIGIN, keys, kept, cadence=settings.cadence, now=runtime.clock.now()
            )

    return recounted


@pytest.mark.clause("468.6/unalterable")
async def test_the_first_key_verifies_a_log_whose_key_has_changed(changed, recount, query):
    found = await recount(OLD_KEY)
    assert found.ok, found.faults
    assert (found.entries, found.checkpoints, found.unsigned_entries) == (71, 4, 0)
    signed = await query("SELECT size, key_id FROM checkpoints ORDER BY size")
    assert signed == [
        (25, OLD_KEY.key_id),
        (41, OLD_KEY.key_id),
        (51, NEW_KEY.key_id),
        (71, NEW_KEY.key_id),
    ]
    assert (await recount(OLD_KEY, NEW_KEY)).ok
    assert "but the given key is" in (await recount(OLD_KEY, THIRD_KEY)).faults[0].what


async def test_a_key_change_is_logged_once_with_the_person_and_reason(
    changed, query, deliver, runtime, clock
):
    await deliver()
    [row] = await query("SELECT * FROM entries WHERE kind = 'signing_key.changed'")
    data = msgspec.json.decode(row.entry)["data"]
    assert (row.seq, row.person_id) == (40, "adm-1")
    assert (data["signs"], data["reason"]) == ("checkpoints", "yearly")
    assert (data["old_key"], data["new_key"]) == (OLD_KEY.vkey, NEW_KEY.vkey)
    await runtime.relay.drain()


async def test_the_public_keys_are_listed_with_their_sizes(changed, client):
    answer = (await client.get("/v1/keys")).json()
    assert answer["keys"] == [
        {"verifier_key": OLD_KEY.vkey, "first_size": 1, "last_size": 41},
        {"verifier_key": NEW_KEY.vkey, "first_size": 42, "last_size": None},
    ]


@pytest.mark.clause("468.6/unalterable")
@pytest.mark.parametrize("key", [NEW_KEY.vkey, "no key at all"])
@pytest.mark.clause("468.6/unalterable")
async def test_another_service_cannot_change_the_key_of_the_log(
    deliver, writer, sound, query, clock, key
):
    event = SigningKeyChanged(
        occurred_at=clock.now(),
        actor=an_actor(),
        signs="checkpoints",
        old_key=OLD_KEY.vkey if key == NEW_KEY.vkey else key,
        new_key=key,
        reason="taken over",
    )
    await writer.append([message_of(an_attempt(clock)), message_of(event)])
    assert (await sound()).entries == 2
    await writer.append([message_of(an_attempt(clock))])
    assert await writer.sign_if_grown(), "the log's own key goes on"
    assert (await sound()).checkpoints == 2
    keys = await query("SELECT DISTINCT key_id FROM checkpoints")
    assert keys == [(OLD_KEY.key_id,)]


async def test_a_process_without_the_current_key_appends_entries_but_does_not_sign(
    changed, writer, runtime, deliver, clock, query, client, auditor
):
    await deliver(an_attempt(clock))
    assert not await writer.sign_if_grown()
    assert await query("SELECT max(size) FROM checkpoints") == [(71,)]
    with pytest.raises(Unavailable, match=NEW_KEY.key_id.replace("+", "\\+")):
        async with runtime.db.begin() as connection:
            await writer.sign_for(connection, 72)
    assert (await client.post("/v1/exports", json={}, headers=auditor())).status_code == 503
    assert await holding(runtime, NEXT).sign_if_grown()


async def test_a_key_that_is_not_in_force_does_not_sign(deliver, writer, runtime, clock, query):
    await deliver(an_attempt(clock))
    await writer.sign_if_grown()
    await deliver(an_attempt(clock))
    assert not await holding(runtime, THIRD).sign_if_grown()
    assert await query("SELECT max(size) FROM checkpoints") == [(1,)]


async def test_a_key_change_needs_a_log_and_a_key_that_was_not_used_before(
    app, rotate, deliver, clock, runtime
):
    assert "start it with the new key" in (await rotate())[1]
    await deliver(an_attempt(clock))
    status, said = await rotate(new=None)
    assert (status, "AUDIT_NEXT_SIGNING_KEY" in said) == (2, True)
    assert (await rotate(new=SEED))[0] == 2
    assert (await rotate())[0] == 0
    assert (await rotate(old=NEXT, new=SEED))[0] == 2
    assert "was the log's key before" in (await rotate(old=NEXT, new=SEED))[1]
    assert "does not have the log's signing key" in (await rotate(old=SEED, new=THIRD))[1]
    assert (await rotate(old=NEXT, new=THIRD))[0] == 0


async def forged(tamper, signer, size, root, chain, previous):
    note = signer.sign(Checkpoint(ORIGIN, size, root, chain, previous).text)
    await tamper(
        "checkpoints",
        "UPDATE checkpoints SET note = :note, key_id = :key WHERE size = :size",
        note=note,
        key=signer.verifier.key_id,
        size=size,
    )


@pytest.mark.clause("468.6/unalterable")
@pytest.mark.parametrize(("size", "seed", "why"), [(25, NEXT, "given key"), (51, SEED, "ended")])
async def test_no_key_is_trusted_before_its_entry_or_after_its_end(
    changed, recount, tamper, query, size, seed, why
):
    [row] = await query("SELECT * FROM checkpoints WHERE size = :size", size=size)
    kept = Checkpoint.parse(row.note)
    await forged(tamper, Signer(ORIGIN, seed), size, kept.root, kept.chain, kept.previous)
    found = await recount(OLD_KEY, NEW_KEY)
    assert not found.ok
    assert found.faults[0].size == size
    assert why in found.faults[0].what


@pytest.mark.clause("468.6/unalterable")
async def test_a_key_change_that_the_old_key_did_not_sign_is_not_trusted(changed, recount, tamper):
    await tamper("checkpoints", "DELETE FROM checkpoints WHERE size = 41")
    found = await recount(OLD_KEY)
    assert (found.faults[0].seq, found.faults[0].size) == (40, 41)
    assert found.unsigned_entries == 71 - 25


@pytest.fixture
def export(changed, runtime, app, client, auditor):
    attach(app, replace(service_of(app, AuditService), writer=changed))

    async def exported(**body):
        response = await client.post("/v1/exports", json=body, headers=auditor())
        assert response.status_code == 200, response.text
        return response.content.splitlines(keepends=True)

    return exported


@pytest.mark.clause("468.6/unalterable")
@pytest.mark.parametrize(
    ("first", "end"), [(0, 71), (0, 60), (0, 41), (0, 33), (7, 25), (41, 71), (60, 65), (30, 42)]
)
async def test_any_part_of_a_log_verifies_with_the_first_key(export, first, end):
    lines = await export(first=first, end=end)
    found = verify_export(lines, [OLD_KEY])
    assert found.ok, found.faults
    assert (found.entries, found.unsigned_entries) == (end, 0)
    assert len(msgspec.json.decode(lines[0])["keys"]) == (first > 40)
    if first > 40:
        assert verify_export(lines, [NEW_KEY]).ok
        assert not verify_export(lines, [THIRD_KEY]).ok


@pytest.mark.clause("468.6/unalterable")
async def test_an_export_that_ends_under_a_former_key_is_proven_by_the_next_checkpoint(
    export, query
):
    lines = await export(end=33)
    last = msgspec.json.decode(lines[-1], type=Signature)
    assert Checkpoint.parse(OLD_KEY.verify(last.checkpoint)).size == 41
    assert await query("SELECT count(*) FROM checkpoints WHERE size = 33") == [(0,)]
    path = [*last.consistency]
    path[0] = path[0][::-1]
    altered = as_line(Signature(checkpoint=last.checkpoint, consistency=path))
    found = verify_export([*lines[:-1], altered], [OLD_KEY])
    assert "is not proven to cover" in found.faults[0].what
    assert not verify_export([*lines[:-2], lines[-1]], [OLD_KEY]).ok


@pytest.mark.clause("468.6/unalterable")
async def test_an_altered_proof_of_a_key_change_is_detected(export):
    lines = await export(first=50, end=71)
    opening = msgspec.json.decode(lines[0], type=Opening)
    [proof] = opening.keys
    stranger = proof.entry.replace(NEW_KEY.vkey, THIRD_KEY.vkey)
    changes = (
        {"entry": stranger},
        {"seq": 39},
        {"path": [value[::-1] for value in proof.path]},
        {"checkpoint": proof.checkpoint.replace("\n41\n", "\n40\n")},
    )
    for change in changes:
        other = KeyProof(**(msgspec.structs.asdict(proof) | change))
        altered = as_line(msgspec.structs.replace(opening, keys=[other]))
        for key in (OLD_KEY, NEW_KEY):
            found = verify_export([altered, *lines[1:]], [key])
            assert not found.ok, change
            assert "the change of the key in entry" in found.faults[0].what
    without = as_line(msgspec.structs.replace(opening, keys=[]))
    assert not verify_export([without, *lines[1:]], [OLD_KEY]).ok
