"""An object store's listing is the same for a folder, for obstore's stores, and for the fake."""

import os
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta

import obstore
import pytest
from obstore.exceptions import (
    BaseError,
    NotFoundError,
    PermissionDeniedError,
    UnauthenticatedError,
)
from obstore.store import MemoryStore

from shared.core.errors import DependencyDown, NotFound, Unavailable
from shared.objects.local import LocalObjects
from shared.objects.obstore_objects import ObstoreObjects
from shared.testing import FakeObjects

KEYS = (
    "captures/cam/2025/01/09/a.jpg",
    "captures/cam/2025/01/10/a.jpg",
    "captures/cam/2025/01/10/b.jpg",
    "captures/cam/2025/01/10/c.jpg",
    "captures/cam/2025/02/01/a.jpg",
    "captures/cam-2/2025/01/10/a.jpg",
    "captures/.of a crash.0123",
    "captures/b+b=ä.txt",
    "packages/1.zip",
)
"""Odd names among them: of no key of ours, and of a camera that another's name begins with."""


class ObjectsInMemory(ObstoreObjects):
    """obstore's own store in memory, by the code that S3 goes by."""

    def __init__(self):
        super().__init__(MemoryStore())


@pytest.fixture(params=["folder", "obstore", "fake"])
async def store(request, tmp_path):
    if request.param == "folder":
        for key in KEYS:
            path = tmp_path / "objects" / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"x")
        return LocalObjects(tmp_path / "objects")
    if request.param == "obstore":
        objects = ObjectsInMemory()
        for key in KEYS:
            await obstore.put_async(objects._store, key, b"x")
        return objects
    fake = FakeObjects()
    fake.stored = dict.fromkeys(KEYS, b"x")
    return fake


async def pages(store, folder, limit, after=None):
    """Return the keys of each page, as a sweep asks for them: fewer than asked for are the last."""
    found = []
    while True:
        page = await store.page(folder, after=after, limit=limit)
        found.append([one.key for one in page])
        if len(page) < limit:
            return found
        after = page[-1].key


async def test_a_level_lists_its_direct_folders_and_objects_in_key_order(store):
    level = await store.level("captures")
    assert level.folders == ["captures/cam-2", "captures/cam"]  # "-" is before "/"
    assert [one.key for one in level.objects] == ["captures/.of a crash.0123", "captures/b+b=ä.txt"]
    level = await store.level("captures/cam/2025/01")
    assert level.folders == ["captures/cam/2025/01/09", "captures/cam/2025/01/10"]
    assert level.objects == []


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 1000])
async def test_pages_give_each_object_once_in_the_order_of_keys(store, limit):
    found = await pages(store, "captures", limit)
    assert [key for page in found for key in page] == sorted(k for k in KEYS if k[0] == "c")
    assert all(len(page) == limit for page in found[:-1])


async def test_a_folder_does_not_include_folders_with_a_common_name_prefix(store):
    [found] = await pages(store, "captures/cam", 1000)
    assert found == sorted(key for key in KEYS if key.startswith("captures/cam/"))


async def test_a_listing_continues_after_any_key_even_a_missing_one(store):
    day = "captures/cam/2025/01/10"
    assert await pages(store, day, 10, f"{day}/a.jpg") == [[f"{day}/b.jpg", f"{day}/c.jpg"]]
    assert await pages(store, day, 10, f"{day}/bb") == [[f"{day}/c.jpg"]]
    assert await pages(store, day, 10, "captures/cam/2025/01/09/a.jpg") == [
        [f"{day}/{name}.jpg" for name in "abc"]
    ]
    assert await pages(store, day, 10, f"{day}/c.jpg") == [[]]
    assert await pages(store, "captures/cam", 10, f"{day}/b.jpg") == [
        [f"{day}/c.jpg", "captures/cam/2025/02/01/a.jpg"]
    ]


async def test_an_empty_folder_lists_no_objects(store):
    assert await store.level("crops") == ([], [])
    assert await store.page("crops") == []
    assert await store.level("packages/1.zip") == ([], [])


async def test_a_listing_contains_when_each_object_was_put(store):
    [one] = await store.page("packages")
    assert one.key == "packages/1.zip"
    assert one.put_at.tzinfo is not None
    assert abs(datetime.now(UTC) - one.put_at) < timedelta(minutes=5)


async def test_an_object_that_was_deleted_is_listed_no_more_and_put_again_it_is(store):
    await store.delete("captures/cam/2025/01/09/a.jpg")
    [found] = await pages(store, "captures/cam/2025/01/09", 10)
    assert found == []
    await store.put("captures/cam/2025/01/09/a.jpg", b"y")
    [found] = await pages(store, "captures/cam/2025/01/09", 10)
    assert found == ["captures/cam/2025/01/09/a.jpg"]


async def test_a_half_written_object_of_a_crash_is_listed_and_can_be_deleted(tmp_path, monkeypatch):
    store = LocalObjects(tmp_path / "objects")
    (tmp_path / "objects/captures").mkdir()

    def killed(descriptor):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", killed)
        with pytest.raises(KeyboardInterrupt):
            await store.put("captures/1.jpg", b"half")
    [left] = await store.page("captures")
    assert left.key.startswith("captures/.1.jpg.")
    await store.delete(left.key)
    assert await store.page("captures") == []


async def test_symbolic_links_and_undecodable_names_break_no_listing(tmp_path):
    folder = tmp_path / "objects/captures"
    folder.mkdir(parents=True)
    (folder / "a.jpg").write_bytes(b"x")
    (folder / "link.jpg").symlink_to("/etc/passwd")
    (folder / "loop").symlink_to(folder)
    (folder / os.fsdecode(b"\xff\xfe.jpg")).write_bytes(b"x")
    found = [one.key for one in await LocalObjects(tmp_path / "objects").page("captures")]
    assert found == ["captures/a.jpg", "captures/\ufffd\ufffd.jpg"]


async def test_a_folder_cannot_be_listed_from_outside_the_store(tmp_path):
    store = LocalObjects(tmp_path / "objects")
    for folder in ("../x", "", "/etc", "a/../.."):
        with pytest.raises(NotFound):
            await store.level(folder)
        with pytest.raises(NotFound):
            await store.page(folder)


async def test_a_store_that_cannot_list_says_so(tmp_path, monkeypatch):
    store = LocalObjects(tmp_path / "objects")

    def broken(path):
        raise PermissionError(path)

    monkeypatch.setattr(os, "scandir", broken)
    with pytest.raises(Unavailable):
        await store.level("captures")
    with pytest.raises(Unavailable):
        await store.page("captures")


async def test_a_store_that_lists_out_of_order_is_refused(monkeypatch):
    """A sweep that goes on behind the last key of a page would miss keys before it."""
    store = ObjectsInMemory()
    now = datetime.now(UTC)

    async def listed():
        yield [{"path": key, "last_modified": now} for key in ("a/2", "a/1")]

    monkeypatch.setattr(obstore, "list", lambda *_, **__: listed())
    with pytest.raises(Unavailable, match="order"):
        await store.page("a")


async def test_many_keys_are_deleted_at_once_and_failures_are_returned(store):
    every = ["captures/cam/2025/01/10/a.jpg", "captures/cam/2025/01/10/b.jpg", "packages/none.zip"]
    assert await store.delete_all(every) == frozenset()
    assert [one.key for one in await store.page("captures/cam/2025/01/10")] == [
        "captures/cam/2025/01/10/c.jpg"
    ]
    assert await store.delete_all([]) == frozenset()


@pytest.mark.parametrize("store", ["folder", "obstore"], indirect=True)
@pytest.mark.parametrize(
    "odd", ["../outside", "captures//x.jpg", "captures/./x.jpg", "captures/x/.", "captures/x/"]
)
async def test_a_key_that_cannot_be_deleted_does_not_prevent_others(store, odd):
    good = [f"captures/cam/2025/01/10/{name}.jpg" for name in "abc"]
    assert await store.delete_all([good[0], odd, *good[1:]]) == {odd}
    assert await store.page("captures/cam/2025/01/10") == []


async def test_there_is_no_object_at_a_folder_and_none_below_an_object(store):
    [object_key, *_] = [key for key in KEYS if key.endswith("a.jpg")]
    folder = object_key.removesuffix("/a.jpg")
    assert await store.delete_all([folder, f"{object_key}/x.jpg"]) == frozenset()
    assert object_key in [one.key for one in await store.page(folder)]


async def test_a_store_that_lists_what_is_before_the_page_is_refused(monkeypatch):
    store = ObjectsInMemory()

    async def listed():
        yield [{"path": key, "last_modified": datetime.now(UTC)} for key in ("a/1", "a/2")]

    monkeypatch.setattr(obstore, "list", lambda *_, **__: listed())
    assert len(await store.page("a", after="a/0")) == 2
    for after in ("a/1", "a/5"):
        with pytest.raises(Unavailable, match="order"):
            await store.page("a", after=after)


class Refusing:
    """Deletes that a store refuses for some keys; a request for several fails as a whole."""

    def __init__(self, refused):
        self.refused = refused
        self.asked = []

    async def delete_async(self, store, keys):
        if not isinstance(keys, str):
            raise BaseError("it takes one at a time")
        self.asked.append(keys)
        if keys in self.refused:
            raise PermissionDeniedError("no")


@pytest.mark.clause("wall/purge-list")
async def test_what_a_store_does_not_delete_does_not_count_as_deleted(monkeypatch):
    keys = [f"captures/{n}.jpg" for n in range(120)]
    some = Refusing({keys[3], keys[70]})
    monkeypatch.setattr(obstore, "delete_async", some.delete_async)
    store = ObjectsInMemory()
    assert await store.delete_all(keys) == some.refused
    assert some.asked == keys
    with pytest.raises(Unavailable):
        await store.delete(keys[3])
    down = Refusing(set(keys))
    monkeypatch.setattr(obstore, "delete_async", down.delete_async)
    assert await store.delete_all(keys) == set(keys)
    assert len(down.asked) < len(keys), "a store that deletes nothing is spared the rest"


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (NotFoundError("no such object"), None),
        (PermissionDeniedError("no"), DependencyDown),
        (UnauthenticatedError("no"), DependencyDown),
        (BaseError("it does not answer"), Unavailable),
    ],
)
async def test_a_store_answers_a_ping_if_it_accepts_the_services_key(monkeypatch, answer, fault):
    async def head(*_):
        raise answer

    monkeypatch.setattr(obstore, "head_async", head)
    with nullcontext() if fault is None else pytest.raises(fault):
        await ObjectsInMemory().ping()
