"""Requests to an S3 server for listings: page by page from the end of the last, and by levels."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

import pytest

from shared.core.errors import Unavailable
from shared.objects.opening import open_store

PER_ANSWER = 4
"""A server gives as many keys in one answer as it likes, up to 1,000."""

CAM = "captures/cam/2025/01/10"
KEYS = [f"{CAM}/{n:02}.jpg" for n in range(10)]


@dataclass
class Bucket:
    """A bucket in memory, as far as ListObjectsV2 (Amazon S3 API reference) and PUT go."""

    keys: set[str] = field(default_factory=set)
    asked: list[dict[str, str]] = field(default_factory=list)
    down: bool = False

    def listing(self, asked: dict[str, str]) -> str:
        """Answer ListObjectsV2: keys and common prefixes together, in order, so many at a time."""
        prefix, delimiter = asked.get("prefix", ""), asked.get("delimiter")
        after = asked.get("continuation-token") or asked.get("start-after", "")
        entries: dict[str, str] = {}
        for key in sorted(key for key in self.keys if key.startswith(prefix) and key > after):
            at = key.find(delimiter, len(prefix)) if delimiter else -1
            common = key[: at + 1]
            if common and after.startswith(common):
                continue
            entries[common or key] = (
                f"<CommonPrefixes><Prefix>{escape(common)}</Prefix></CommonPrefixes>"
                if common
                else f"<Contents><Key>{escape(key)}</Key><Size>1</Size><ETag>&quot;1&quot;</ETag>"
                "<LastModified>2025-01-10T12:00:00.000Z</LastModified></Contents>"
            )
        shown = list(entries)[:PER_ANSWER]
        more = ""
        if len(entries) > PER_ANSWER:
            more = f"<NextContinuationToken>{escape(shown[-1])}</NextContinuationToken>"
        return (
            '<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            f"<IsTruncated>{'true' if more else 'false'}</IsTruncated>{more}"
            f"{''.join(entries[one] for one in shown)}</ListBucketResult>"
        )


def handler(bucket: Bucket) -> type[BaseHTTPRequestHandler]:
    """Return a handler that serves a bucket at /bucket/."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_PUT(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            bucket.keys.add(unquote(urlsplit(self.path).path).removeprefix("/bucket/"))
            self.answer(200, "", ETag='"1"')

        def do_GET(self) -> None:
            query = parse_qs(urlsplit(self.path).query, keep_blank_values=True)
            asked = {name: values[0] for name, values in query.items()}
            bucket.asked.append(asked)
            if bucket.down:
                self.answer(403, "<Error><Code>AccessDenied</Code></Error>")
            else:
                self.answer(200, bucket.listing(asked))

        def answer(self, status: int, body: str, **headers: str) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body.encode()))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            """Log no requests."""

    return Handler


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    """A bucket that the environment points to."""
    made = Bucket()
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(made))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_REGION", "us-west-1")
    yield made
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(params=["", "/department/alpr"], ids=["bucket", "prefix"])
def store(request, bucket):
    """The store at a bucket, or at a prefix in it beside which other things lie."""
    bucket.keys = {f"{request.param}/{key}".lstrip("/") for key in KEYS}
    bucket.keys |= {"captures-of-others/1.jpg", "department/alpr-old/captures/1.jpg"}
    return open_store(f"s3://bucket{request.param}")


async def test_pages_continue_after_the_last_key_with_no_extra_requests(store, bucket):
    found, after = [], None
    while True:
        page = await store.page(CAM, after=after, limit=PER_ANSWER)
        found += [one.key for one in page]
        if len(page) < PER_ANSWER:
            break
        after = page[-1].key
    assert found == KEYS
    assert len(bucket.asked) == 3, "an answer is listed again, or one that nobody asked for"
    starts = [asked.get("start-after", "").rsplit("/", 1)[-1] for asked in bucket.asked]
    assert starts == ["", "03.jpg", "07.jpg"]
    assert page[0].put_at.isoformat() == "2025-01-10T12:00:00+00:00"


async def test_a_page_may_need_several_responses(store):
    found = await store.page(CAM, limit=9)
    assert [one.key for one in found] == KEYS[:9]


async def test_a_level_is_listed_by_the_server_with_a_delimiter(store, bucket):
    level = await store.level("captures")
    assert level == (["captures/cam"], [])
    assert all(asked["delimiter"] == "/" for asked in bucket.asked)
    assert (await store.level("captures/cam/2025")).folders == ["captures/cam/2025/01"]
    level = await store.level(CAM)
    assert [one.key for one in level.objects] == KEYS


async def test_an_empty_prefix_lists_no_objects(store):
    assert await store.level("crops") == ([], [])
    assert await store.page("crops") == []


async def test_an_object_that_the_store_puts_is_listed(store):
    await store.put("crops/cam/2025/01/10/1.jpg", b"crop")
    assert [one.key for one in await store.page("crops")] == ["crops/cam/2025/01/10/1.jpg"]


async def test_a_server_that_allows_no_listing_is_unavailable(store, bucket):
    bucket.down = True
    with pytest.raises(Unavailable):
        await store.level("captures")
    with pytest.raises(Unavailable):
        await store.page("captures")
