"""Audit sends findings to the department until the department's receiver has them."""

import asyncio
import json

import pytest
from pydantic import ValidationError
from sqlalchemy import text

from services.audit.domain.findings import a_finding
from services.audit.settings import Settings
from services.audit.store import notices
from services.audit.store.findings import Findings
from services.audit.workers.notices import NoticeSender
from shared.core.errors import Unavailable

PLATE = "7NOT123"


class Receiver:
    """A webhook on loopback with set answers, which records its requests."""

    def __init__(self) -> None:
        self.status = 204
        self.got: list[tuple[dict[str, str], dict]] = []

    async def serve(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        headers = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if line)
        headers = {name.lower(): value for name, value in headers.items()}
        body = await reader.readexactly(int(headers["content-length"]))
        self.got.append((headers, json.loads(body)))
        writer.write(f"HTTP/1.1 {self.status} x\r\nContent-Length: 0\r\n\r\n".encode())
        await writer.drain()
        writer.close()


@pytest.fixture
async def receiver():
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
    async with server:
        yield receiver


@pytest.fixture
def sender(app, runtime, receiver):
    changed = {"audit_notice_url": receiver.url, "audit_notice_token": "drawn-for-the-test"}
    values = {**runtime.settings.model_dump(exclude_unset=True), **changed}
    return NoticeSender(runtime, Settings(**values))


@pytest.fixture
def find(runtime, clock):
    async def raised(kind="refused_access", subject="person 7"):
        async with runtime.db.begin() as connection:
            finding = a_finding(kind, subject, clock.now(), clock.now(), plate=PLATE)
            await Findings(connection, "audit").raise_once(finding)
        return str(finding.finding_id)

    return raised


@pytest.mark.clause("468.3.1(c)/notice")
async def test_a_finding_is_sent_once_without_the_person_or_plate_it_concerns(
    find, sender, receiver
):
    finding = await find()
    assert await sender.send() == 1
    assert await sender.send() == 0
    [(headers, body)] = receiver.got
    assert headers["authorization"] == "Bearer drawn-for-the-test"
    [sent] = body["findings"]
    assert (sent["finding_id"], sent["kind"]) == (finding, "refused_access")
    assert PLATE not in json.dumps(body)
    assert "person 7" not in json.dumps(body)


@pytest.mark.clause("468.3.1(c)/notice")
async def test_a_finding_is_resent_until_the_receiver_accepts_it(find, sender, receiver, clock):
    finding = await find("log_failure")
    receiver.status = 500
    with pytest.raises(Unavailable, match="500"):
        await sender.send()
    assert await sender.send() == 0, "not again at once"
    receiver.status = 204
    clock.advance(minutes=15)
    assert await sender.send() == 1
    assert [body["findings"][0]["finding_id"] for _, body in receiver.got] == [finding, finding]


@pytest.mark.clause("468.3.1(c)/notice")
async def test_a_receiver_that_is_away_loses_no_finding(find, runtime, sender, receiver, clock):
    away = Settings(
        **{
            **runtime.settings.model_dump(exclude_unset=True),
            "audit_notice_url": "http://127.0.0.1:9/hook",
        }
    )
    await find()
    with pytest.raises(Unavailable):
        await NoticeSender(runtime, away).send()
    clock.advance(minutes=15)
    assert await sender.send() == 1


async def test_two_replicas_send_a_finding_once(find, sender, receiver):
    for n in range(3):
        await find(subject=f"person {n}")
    counts = await asyncio.gather(sender.send(), sender.send())
    assert sum(counts) == 3
    assert sum(len(body["findings"]) for _, body in receiver.got) == 3


async def test_a_finding_sent_before_its_row_was_locked_is_not_sent_again(
    find, sender, receiver, monkeypatch
):
    finding = await find()
    assert await sender.send() == 1
    before = """
        SELECT f.finding_id, f.kind, f.raised_at, 0 AS attempts FROM findings f
        WHERE CAST(:now AS timestamptz) IS NOT NULL LIMIT :limit FOR NO KEY UPDATE OF f SKIP LOCKED
    """
    monkeypatch.setattr(
        notices, "_DUE", text(before)
    )  # what a statement sees that began before the delivery
    assert await sender.send() == 0
    assert [body["findings"][0]["finding_id"] for _, body in receiver.got] == [finding]


@pytest.mark.parametrize("url", ["http://hooks.example/x", "ftp://127.0.0.1/x", "hooks.example"])
def test_a_plaintext_notice_address_is_refused_by_name(runtime, url):
    values = runtime.settings.model_dump(exclude_unset=True)
    with pytest.raises(ValidationError, match="AUDIT_NOTICE_URL"):
        Settings(**{**values, "audit_notice_url": url})
