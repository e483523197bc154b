"""The place of backups: which of them are whole, which end, and that the others keep every content that they need."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from local.backup import objects as pool
from local.backup.manifest import (
    BACKUP,
    FOLDER,
    MANIFEST,
    NOTE,
    LogState,
    Manifest,
    ObjectLine,
    ObjectsState,
    signer_of,
)
from local.backup.objects import Copier, content_of, place_of, pooled, put_back
from local.backup.repository import Backups, list_file, name_of, store_at
from local.export.layout import ExportFolder
from shared.core.errors import InternalFault, Unavailable
from shared.core.problem_codes import Common
from shared.core.signed_notes import Signer, Verifier
from shared.objects.store import Stored
from shared.testing import FakeObjects

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
SEED = bytes(range(32))
KEYS: list[Verifier] = [Signer("example.org/audit", SEED).verifier]
LIST = "objects.jsonl.gz"


@pytest.fixture
def store() -> FakeObjects:
    """The place."""
    return FakeObjects()


@pytest.fixture
def backups(store: FakeObjects) -> Backups:
    return Backups(store)


def digest_of(content: bytes) -> str:
    return sha256(content).hexdigest()


async def backed_up(
    backups: Backups, at: datetime, contents: Mapping[str, bytes], days: int = 30
) -> Manifest:
    """Make a backup of objects alone, as of a moment."""
    lines = [
        ObjectLine(key=key, sha256=digest_of(content), size_bytes=len(content), put_at=NOW)
        for key, content in contents.items()
    ]
    for content in contents.values():
        await backups.store.put(place_of(digest_of(content)), content)
    name = name_of(at)
    manifest = Manifest(
        format=BACKUP.text,
        name=name,
        made_at=at,
        ends_at=at + timedelta(days=days),
        department="CA0520100",
        policy_digest="",
        schedule_days=365,
        postgres=17,
        roles=[],
        schemas={},
        rows={},
        log=LogState(
            origin="example.org/audit", entries=0, root="", checkpoint=None, key=KEYS[0].vkey
        ),
        files=[await backups.add_file(name, LIST, list_file(lines))],
        objects=ObjectsState(
            count=len(lines), size_bytes=sum(one.size_bytes for one in lines), list=LIST
        ),
        keys=None,
        offsets={},
    )
    await backups.finish(manifest, signer_of(KEYS[0].name, SEED))
    return manifest


@pytest.mark.clause("468.5/restored")
async def test_contents_end_with_the_last_backup_that_has_them(backups: Backups) -> None:
    shared, old = b"in all of them", b"in the first two"
    first = await backed_up(backups, NOW, {"a": shared, "b": old})
    second = await backed_up(backups, NOW + DAY, {"a": shared, "b": old})
    third = await backed_up(backups, NOW + 2 * DAY, {"a": shared})
    assert await backups.end(first.ends_at, KEYS) == [first.name]
    assert await pooled(backups.store) == {digest_of(shared), digest_of(old)}
    assert [await backups.faults(one) for one in (second, third)] == [[], []]
    assert await backups.end(second.ends_at, KEYS) == [second.name]
    assert await pooled(backups.store) == {digest_of(shared)}
    assert await backups.names() == [third.name]


@pytest.mark.clause("wall/backup")
async def test_while_a_backup_is_in_the_making_no_content_is_deleted(backups: Backups) -> None:
    """It has copied contents that no list names yet."""
    ended = await backed_up(backups, NOW - 40 * DAY, {"a": b"old"})
    copied = place_of(digest_of(b"new"))
    await backups.store.put(copied, b"new")
    await backups.add_file(name_of(NOW - timedelta(hours=19)), LIST, b"so far")
    assert await backups.end(NOW, KEYS) == [ended.name]
    assert await pooled(backups.store) == {digest_of(b"old"), digest_of(b"new")}
    making = f"{FOLDER}/{name_of(NOW - timedelta(hours=19))}"
    assert [one.key for one in await backups.store.page(FOLDER)] == [f"{making}/{LIST}"]
    assert await backups.end(NOW + timedelta(hours=1, seconds=1), KEYS) == []
    assert await pooled(backups.store) == set()
    assert await backups.store.page(FOLDER) == []


class Refusing(Backups):
    """A place that does not take one file, or deletes no more."""

    def __init__(self, store: FakeObjects, name: str) -> None:
        super().__init__(store)
        put = store.put

        async def refuse(key: str, data: bytes) -> None:
            if key.endswith(name):
                raise Unavailable(Common.OBJECT_STORE_AWAY)
            await put(key, data)

        self.store.put = refuse  # type: ignore[method-assign]


@pytest.mark.clause("wall/backup")
@pytest.mark.parametrize("name", [LIST, MANIFEST, NOTE])
async def test_a_backup_that_lacks_a_file_is_none(store: FakeObjects, name: str) -> None:
    with pytest.raises(Unavailable):
        await backed_up(Refusing(store, name), NOW, {"a": b"a"})
    assert await Backups(store).names() == []


@pytest.mark.clause("468.5/restored")
async def test_what_is_left_of_an_ended_backup_passes_for_none(
    backups: Backups, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = await backed_up(backups, NOW, {"a": b"a"})

    async def none(keys: Sequence[str]) -> frozenset[str]:
        return frozenset(keys)

    monkeypatch.setattr(backups.store, "delete_all", none)
    with pytest.raises(InternalFault, match="could not be deleted"):
        await backups.end(manifest.ends_at, KEYS)
    assert await backups.names() == []


@pytest.mark.clause("wall/backup")
async def test_a_backup_does_not_pass_for_another_by_its_name(backups: Backups) -> None:
    manifest = await backed_up(backups, NOW, {"a": b"a"})
    later = name_of(NOW + DAY)
    for file in (MANIFEST, NOTE, LIST):
        body = await backups.store.get(f"{FOLDER}/{manifest.name}/{file}")
        await backups.store.put(f"{FOLDER}/{later}/{file}", body)
    assert (await backups.manifest(manifest.name, KEYS)).made_at == manifest.made_at
    with pytest.raises(InternalFault, match=later):
        await backups.manifest(later, KEYS)


@pytest.mark.clause("wall/backup")
async def test_a_changed_list_of_objects_is_refused(backups: Backups) -> None:
    manifest = await backed_up(backups, NOW, {"a": b"a"})
    await backups.store.put(f"{FOLDER}/{manifest.name}/{LIST}", list_file([]))
    with pytest.raises(InternalFault, match="differs from its digest"):
        await backups.object_lines(manifest)
    with pytest.raises(InternalFault, match="differs from its digest"):
        await backups.end(NOW, KEYS)


@pytest.fixture
def live() -> FakeObjects:
    """The installation's objects."""
    return FakeObjects()


@pytest.mark.clause("wall/backup")
async def test_an_object_is_copied_unless_the_place_has_it_as_it_is(
    live: FakeObjects, store: FakeObjects
) -> None:
    keys = ["captures/changed", "captures/gone", "captures/same"]
    for key in keys:
        await live.put(key, key.encode())
        live.put_at[key] = NOW
    await store.put(place_of(digest_of(b"captures/same")), b"captures/same")
    await store.put(place_of(digest_of(b"before")), b"before")
    before = {
        key: ObjectLine(key=key, sha256=digest_of(key.encode()), size_bytes=1, put_at=NOW)
        for key in keys
    }
    before[keys[0]] = ObjectLine(
        key=keys[0], sha256=digest_of(b"before"), size_bytes=6, put_at=NOW - DAY
    )
    copier = Copier(live, store, before, await pooled(store))
    lines = await copier.copy_all()
    assert [(one.key, one.sha256) for one in lines] == [
        (key, digest_of(key.encode())) for key in keys
    ]
    assert copier.new == 2
    assert {digest_of(key.encode()) for key in keys} <= await pooled(store)


@pytest.mark.clause("wall/backup")
async def test_all_pages_of_a_folder_are_copied(
    live: FakeObjects, store: FakeObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = live.page

    async def small(prefix: str, *, after: str | None = None) -> list[Stored]:
        return await page(prefix, after=after, limit=2)

    monkeypatch.setattr(live, "page", small)
    monkeypatch.setattr(pool, "PAGE", 2)
    for number in range(5):
        await live.put(f"captures/{number}", b"%d" % number)
    assert len(await Copier(live, store, {}, set()).copy_all()) == 5


@pytest.mark.clause("wall/backup")
async def test_a_content_that_is_not_what_its_name_says_is_not_put_back(
    live: FakeObjects, store: FakeObjects
) -> None:
    line = ObjectLine(key="captures/a", sha256=digest_of(b"a"), size_bytes=1, put_at=NOW)
    await store.put(place_of(line.sha256), b"b")
    with pytest.raises(InternalFault, match="differs from its name"):
        await put_back(store, live, [line])
    assert await live.page("captures") == []


async def test_a_large_object_is_read_whole(store: FakeObjects, tmp_path: Path) -> None:
    live = store_at(str(tmp_path))
    large = bytes(range(256)) * 30_000
    await live.put("captures/large", large)
    async with content_of(live, "captures/large") as content:
        assert (content.sha256, content.size_bytes) == (digest_of(large), len(large))
        assert isinstance(content.data, Path)
        await content.put(store, "captures/copy")
    assert await store.get("captures/copy") == large


async def test_a_folder_of_any_name_is_that_folder_and_a_new_one_its_owners_alone(
    tmp_path: Path,
) -> None:
    place = tmp_path / "USB DISK #1, 100% full?"
    await store_at(str(place)).put("backups/one", b"content")
    assert [path.name for path in tmp_path.iterdir()] == [place.name]
    assert (place / "backups" / "one").read_bytes() == b"content"
    assert place.stat().st_mode & 0o777 == 0o700
    export = tmp_path / "USB DISK"
    export.mkdir()
    await ExportFolder(export).add("policy.toml", b"policy")
    assert (export / "policy.toml").read_bytes() == b"policy"
    assert await ExportFolder(export).store.get("policy.toml") == b"policy"
