"""Purge lists: a reader gets exactly the writer's content, and finds any change in between."""

import json
from datetime import UTC, datetime
from hashlib import sha256
from uuid import UUID

import msgspec
import pytest

from shared.core.errors import InternalFault, NotFound, Unavailable
from shared.core.ids import Deriver, id_digest
from shared.core.merkle import EMPTY_ROOT, leaf_hash, root_of
from shared.events import PurgeList
from shared.objects import purge_list
from shared.objects.purge_list import ListReader, ListWriter, Page
from shared.testing import FakeObjects

RUN = UUID("0b000000-0000-4000-8000-0000000000aa")
BEFORE = datetime(2026, 6, 1, tzinfo=UTC)


def records(kind, *numbers):
    return [(kind, digest) for digest in Page.of(kind, [UUID(int=n) for n in numbers]).digests]


PURGED = [
    *records("capture", *(n << 100 for n in range(1, 4))),
    *records("read", *(n << 100 for n in range(1, 9))),
]
HELD = records("read", 77)


async def pages(records, size=3):
    """Pages of `size` records at most, each of one kind."""
    for kind in ("capture", "read"):
        digests = [digest for named, digest in records if named == kind]
        for start in range(0, len(digests), size):
            yield Page(kind, digests[start : start + size])


@pytest.fixture
def objects():
    return FakeObjects()


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch):
    monkeypatch.setattr(purge_list, "PART_LINES", 4)
    monkeypatch.setattr(purge_list, "BLOCK_LINES", 2)


async def write(objects, purged=PURGED, held=HELD):
    return await ListWriter(objects, RUN, BEFORE).write(pages(purged), pages(held))


async def read(objects, named, name, found=None):
    """Read a section, into `found` as far as it is read before an error."""
    found = [] if found is None else found
    async for page in ListReader(objects, RUN, named).section(name):
        found.extend((page.kind, digest) for digest in page.digests)
    return found


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


async def test_the_root_is_rfc_6962_over_blocks_of_the_sorted_lines(objects):
    named = await write(objects, held=[])
    lines = [
        line
        for key, body in sorted(objects.stored.items())
        if "/purged-" in key
        for line in body.splitlines(keepends=True)
    ]
    assert lines == sorted(lines)
    first = min(sha256(str(UUID(int=n << 100)).encode()).digest()[:16] for n in range(1, 4))
    assert lines[0] == f"capture {first.hex()}\n".encode()
    assert lines[-1].startswith(b"read ")
    blocks = [b"".join(lines[n : n + 2]) for n in range(0, 11, 2)]
    assert named.purged_root == root_of(map(leaf_hash, blocks)).hex()
    assert named.held_root == EMPTY_ROOT.hex()


@pytest.mark.clause("wall/purge-list")
async def test_a_list_contains_digests_instead_of_ids_with_capture_times(objects):
    read_id = Deriver(bytes(32), "read").derive_at(BEFORE, "7ABC123")
    await write(objects, purged=[("read", id_digest(read_id).bytes)], held=[])
    moment = str(read_id)[:13]
    for body in objects.stored.values():
        assert moment.encode() not in body
        assert moment.replace("-", "").encode() not in body


def store_old(objects, number, records):
    """Store a list in one of the formats from before blocks; return how an event names it."""
    lines = [f"{kind} {UUID(bytes=raw)}".encode() for kind, raw in records]
    parts = []
    for at in range(0, len(lines), 4):
        key = f"purges/{RUN}/purged-{at // 4:06}.txt"
        objects.stored[key] = body = b"".join(line + b"\n" for line in lines[at : at + 4])
        parts.append(
            {"key": key, "lines": len(lines[at : at + 4]), "sha256": sha256(body).hexdigest()}
        )
    root, none = root_of(map(leaf_hash, lines)).hex(), EMPTY_ROOT.hex()
    manifest = {
        "format": f"plateward purge list {number}",
        "run_id": str(RUN),
        "before": BEFORE.isoformat(),
        "purged": {"lines": len(lines), "root": root, "parts": parts},
        "held": {"lines": 0, "root": none, "parts": []},
    }
    key = f"purges/{RUN}/manifest.json"
    objects.stored[key] = body = json.dumps(manifest).encode()
    return PurgeList(
        key=key,
        sha256=sha256(body).hexdigest(),
        purged=len(lines),
        purged_root=root,
        held=0,
        held_root=none,
    )


async def test_a_list_in_the_format_before_blocks_is_read(objects):
    named = store_old(objects, 2, PURGED)
    assert await read(objects, named, "purged") == PURGED


async def test_a_list_from_before_digests_gives_the_digests_of_its_ids(objects):
    ids = [UUID(int=n) for n in range(1, 7)]
    named = store_old(objects, 1, [("read", one.bytes) for one in ids])
    found = await read(objects, named, "purged")
    assert sorted(found) == records("read", *range(1, 7))


async def test_a_list_in_an_unknown_format_is_refused(objects):
    named = store_old(objects, 4, PURGED)
    with pytest.raises(InternalFault, match="another run or format"):
        await read(objects, named, "purged")


@pytest.mark.parametrize("kind", ["capture", "read"])
async def test_records_out_of_order_or_twice_are_not_written(objects, kind):
    first, second = [one for one in PURGED if one[0] == kind][:2]
    for wrong in ([second, first], [first, first]):
        for size in (1, 2):
            with pytest.raises(ValueError, match="sorted"):
                await ListWriter(objects, RUN, BEFORE).write(pages(wrong, size), pages([]))
    assert f"purges/{RUN}/manifest.json" not in objects.stored


async def test_captures_after_reads_are_not_written(objects):
    async def wrong():
        yield Page("read", [PURGED[-1][1]])
        yield Page("capture", [PURGED[0][1]])

    with pytest.raises(ValueError, match="sorted"):
        await ListWriter(objects, RUN, BEFORE).write(wrong(), pages([]))


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
    "a record exchanged": lambda lines: lines.__setitem__(
        1, lines[1][:-2] + (b"0\n" if lines[1][-2:-1] != b"0" else b"1\n")
    ),
    "a record added": lambda lines: lines.append(b"read " + 32 * b"f" + b"\n"),
    "two swapped": lambda lines: lines.insert(0, lines.pop(1)),
    "a record before the last part's": lambda lines: lines.__setitem__(
        0, b"read " + 32 * b"0" + b"\n"
    ),
    "a record twice": lambda lines: lines.insert(0, lines[0]),
    "a digest too short": lambda lines: lines.__setitem__(0, b"read " + 30 * b"0" + b"\n"),
    "a digest in upper case": lambda lines: lines.__setitem__(0, lines[0].upper()),
    "a digest with hyphens": lambda lines: lines.__setitem__(
        0, f"read {UUID(bytes=PURGED[4][1])}\n".encode()
    ),
    "another kind": lambda lines: lines.__setitem__(0, lines[0].replace(b"read", b"hold")),
    "a capture after reads": lambda lines: lines.append(lines[-1].replace(b"read", b"capture")),
    "spaces": lambda lines: lines.__setitem__(0, lines[0].replace(b"read ", b"read  ")),
    "no last line end": lambda lines: lines.__setitem__(-1, lines[-1].rstrip(b"\n")),
    "an empty line": lambda lines: lines.insert(1, b"\n"),
    "no ASCII": lambda lines: lines.__setitem__(0, "read ４２\n".encode()),
    "nothing left": list.clear,
}


@pytest.mark.clause("wall/purge-list")
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
    with pytest.raises(InternalFault, match="differs from its event"):
        await read(objects, named, "purged", found)
    assert found == ([] if with_digest else PURGED[:4])


MALFORMED = {name: change for name, change in CHANGES.items() if not name.startswith("a record ")}


@pytest.mark.parametrize(
    "change",
    [*MALFORMED.values(), CHANGES["a record before the last part's"], CHANGES["a record twice"]],
    ids=[*MALFORMED, "a record before the last part's", "a record twice"],
)
async def test_a_malformed_part_that_its_event_names_is_refused_too(objects, change):
    """Who writes the event can name any part: a reader checks its form besides its digest."""
    named = await write(objects)
    key = f"purges/{RUN}/purged-000001.txt"
    objects.stored[key] = body = changed_lines(objects.stored[key], change)
    manifest = json.loads(objects.stored[named.key])
    manifest["purged"]["parts"][1] |= {
        "sha256": sha256(body).hexdigest(),
        "lines": max(1, body.count(b"\n")),
    }
    objects.stored[named.key] = text = json.dumps(manifest).encode()
    forged = msgspec.structs.replace(named, sha256=sha256(text).hexdigest())
    found = []
    with pytest.raises(InternalFault, match=r"names no record|not sorted|number of lines"):
        await read(objects, forged, "purged", found)
    assert found == PURGED[:4]


FORGERIES = {
    "another run": (
        lambda manifest: manifest.update(run_id=str(UUID(int=5))),
        "another run or format",
    ),
    "a part of another run": (
        lambda manifest: manifest["purged"]["parts"][1].update(key=f"purges/{RUN}/held-000000.txt"),
        "has another key",
    ),
    "two parts exchanged": (
        lambda manifest: manifest["purged"]["parts"].reverse(),
        "has another key",
    ),
    "another number of records": (
        lambda manifest: manifest["purged"].update(lines=len(PURGED) + 1),
        "do not have its root",
    ),
}


@pytest.mark.clause("wall/purge-list")
@pytest.mark.parametrize(("change", "fault"), FORGERIES.values(), ids=FORGERIES)
async def test_a_forged_manifest_that_its_event_names_is_refused(objects, change, fault):
    named = await write(objects)
    manifest = json.loads(objects.stored[named.key])
    change(manifest)
    objects.stored[named.key] = body = json.dumps(manifest).encode()
    forged = msgspec.structs.replace(
        named, sha256=sha256(body).hexdigest(), purged=manifest["purged"]["lines"]
    )
    with pytest.raises(InternalFault, match=fault):
        await ListReader(objects, RUN, forged).verify()


@pytest.mark.clause("wall/purge-list")
@pytest.mark.parametrize("name", ["purged", "held"])
async def test_a_manifest_that_the_event_counts_otherwise_is_refused(objects, name):
    named = await write(objects)
    counted = msgspec.structs.replace(named, **{name: getattr(named, name) + 1})
    with pytest.raises(InternalFault, match="counts or roots differ"):
        await ListReader(objects, RUN, counted).manifest()


@pytest.mark.clause("wall/purge-list")
@pytest.mark.parametrize("name", ["purged", "held"])
async def test_a_list_is_verified_whole(objects, name):
    named = await write(objects)
    objects.stored[f"purges/{RUN}/{name}-000000.txt"] += b"read " + 32 * b"f" + b"\n"
    with pytest.raises(InternalFault, match="SHA-256 of part 0"):
        await ListReader(objects, RUN, named).verify()


@pytest.mark.clause("wall/purge-list")
async def test_an_object_larger_than_any_part_is_not_read_whole(objects, monkeypatch):
    named = await write(objects)
    monkeypatch.setattr(purge_list, "MAX_PART_BYTES", 100)
    with pytest.raises(InternalFault, match="larger than a part"):
        await ListReader(objects, RUN, named).verify()


async def test_a_page_longer_than_a_part_is_divided_into_parts(objects):
    named = await ListWriter(objects, RUN, BEFORE).write(pages(PURGED, size=99), pages(HELD))
    manifest = await ListReader(objects, RUN, named).manifest()
    assert [part.lines for part in manifest.purged.parts] == [4, 4, 3]
    assert await read(objects, named, "purged") == PURGED


def test_a_record_that_is_given_twice_is_in_a_page_once():
    assert Page.of("read", [UUID(int=1), UUID(int=1)]) == Page.of("read", [UUID(int=1)])


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
