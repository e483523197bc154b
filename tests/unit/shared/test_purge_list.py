"""Purge lists: a reader gets exactly the writer's content, and finds any change in between."""

import json
from datetime import UTC, datetime
from hashlib import sha256
from uuid import UUID

import pytest

from shared.core.errors import InternalFault, NotFound, Unavailable
from shared.core.ids import Deriver
from shared.core.merkle import EMPTY_ROOT, leaf_hash, root_of
from shared.events import PurgeList
from shared.objects import purge_list
from shared.objects.purge_list import ListReader, ListWriter, Record
from shared.testing import FakeObjects

RUN = UUID("0b000000-0000-4000-8000-0000000000aa")
BEFORE = datetime(2026, 6, 1, tzinfo=UTC)
PURGED = sorted(
    [Record.of("capture", UUID(int=n << 100)) for n in range(1, 4)]
    + [Record.of("read", UUID(int=n << 100)) for n in range(1, 9)]
)
HELD = [Record.of("read", UUID(int=77))]


async def pages(records, size=3):
    for start in range(0, len(records), size):
        yield [record.line for record in records[start : start + size]]


@pytest.fixture
def objects():
    return FakeObjects()


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch):
    monkeypatch.setattr(purge_list, "PART_LINES", 4)


async def write(objects, purged=PURGED, held=HELD):
    return await ListWriter(objects, RUN, BEFORE).write(pages(purged), pages(held))


async def read(objects, named, name):
    return [
        record async for part in ListReader(objects, RUN, named).section(name) for record in part
    ]


async def test_a_reader_gets_what_was_written_in_order(objects):
    named = await write(objects)
    assert await read(objects, named, "purged") == PURGED
    assert await read(objects, named, "held") == HELD
    assert (named.purged, named.held) == (11, 1)
    assert sorted(objects.stored) == [
        f"purges/{RUN}/held-000000.txt",
        f"purges/{RUN}/manifest.json",
        *(f"purges/{RUN}/purged-00000{n}.txt" for n in range(3)),
    ]


async def test_the_root_is_rfc_6962_over_the_sorted_lines(objects):
    named = await write(objects, held=[])
    lines = [
        line
        for key, body in sorted(objects.stored.items())
        if "/purged-" in key
        for line in body.splitlines()
    ]
    assert lines == sorted(lines)
    first = min(sha256(str(UUID(int=n << 100)).encode()).digest()[:16] for n in range(1, 4))
    assert lines[0] == f"capture {UUID(bytes=first)}".encode()
    assert named.purged_root == root_of(map(leaf_hash, lines)).hex()
    assert named.held_root == EMPTY_ROOT.hex()


@pytest.mark.clause("wall/purge-list")
async def test_a_list_contains_digests_instead_of_ids_with_capture_times(objects):
    read_id = Deriver(bytes(32), "read").derive_at(BEFORE, "7ABC123")
    await write(objects, purged=[Record.of("read", read_id)], held=[])
    moment = str(read_id)[:13].encode()
    assert all(moment not in body for body in objects.stored.values())


async def test_a_list_from_before_digests_gives_the_digests_of_its_ids(objects, monkeypatch):
    monkeypatch.setattr(purge_list, "FORMAT", purge_list.FORMAT_OF_IDS)
    ids = [UUID(int=n) for n in range(1, 4)]
    named = await write(objects, purged=[Record("read", one) for one in ids], held=[])
    monkeypatch.undo()
    assert await read(objects, named, "purged") == [Record.of("read", one) for one in ids]


async def test_records_out_of_order_or_twice_are_not_written(objects):
    for wrong in ([PURGED[1], PURGED[0]], [PURGED[0], PURGED[0]]):
        with pytest.raises(ValueError, match="sorted"):
            await write(objects, purged=wrong)
    assert f"purges/{RUN}/manifest.json" not in objects.stored


async def test_a_rewritten_list_replaces_the_first(objects):
    await write(objects, held=PURGED)
    named = await write(objects)
    assert await read(objects, named, "held") == HELD
    await ListReader(objects, RUN, named).verify()


def changed_lines(body, change):
    lines = body.splitlines(keepends=True)
    change(lines)
    return b"".join(lines)


CHANGES = {
    "a record left out": lambda lines: lines.pop(1),
    "a record added": lambda lines: lines.append(b"read ffffffff-ffff-4fff-8fff-ffffffffffff\n"),
    "two swapped": lambda lines: lines.insert(0, lines.pop(1)),
    "another record": lambda lines: lines.__setitem__(0, b"read 00000000-0000-0000-0000-0\n"),
}


@pytest.mark.parametrize("with_digest", [False, True], ids=["part alone", "part and manifest"])
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
async def test_a_changed_part_is_refused_before_its_records_are_returned(
    objects, change, with_digest
):
    named = await write(objects)
    key = f"purges/{RUN}/purged-000001.txt"
    before = objects.stored[key]
    objects.stored[key] = changed_lines(before, change)
    if with_digest:
        manifest = json.loads(objects.stored[named.key])
        part = manifest["purged"]["parts"][1]
        part["sha256"] = purge_list.sha256(objects.stored[key]).hexdigest()
        objects.stored[named.key] = json.dumps(manifest).encode()
    found = []

    async def follow():
        async for part in ListReader(objects, RUN, named).section("purged"):
            found.extend(part)

    with pytest.raises(InternalFault, match="differs from its event"):
        await follow()
    assert found == ([] if with_digest else PURGED[:4])


async def test_a_manifest_with_another_root_than_its_lines_is_detected(objects):
    """The writer of event and manifest can forge the root; only the lines prove it."""
    named = await write(objects)
    manifest = json.loads(objects.stored[named.key])
    manifest["purged"]["root"] = "00" * 32
    objects.stored[named.key] = body = json.dumps(manifest).encode()
    forged = PurgeList(
        key=named.key,
        sha256=purge_list.sha256(body).hexdigest(),
        purged=named.purged,
        purged_root="00" * 32,
        held=named.held,
        held_root=named.held_root,
    )
    with pytest.raises(InternalFault, match="do not have its root"):
        await ListReader(objects, RUN, forged).verify()


async def test_a_list_of_another_run_is_refused(objects):
    named = await write(objects)
    with pytest.raises(InternalFault, match="no purge list of its run"):
        await ListReader(objects, UUID(int=5), named).manifest()


async def test_an_unavailable_store_is_retried_and_a_missing_list_is_not(objects):
    named = await write(objects)
    objects.down = True
    with pytest.raises(Unavailable):
        await ListReader(objects, RUN, named).verify()
    objects.down = False
    objects.stored.clear()
    with pytest.raises(NotFound):
        await ListReader(objects, RUN, named).verify()
