"""Exports of reads: each piece on record before it is sent, within the limits of a person, a purpose and a day."""

import asyncio
import csv
import json
from datetime import UTC, datetime, timedelta
from io import StringIO
from uuid import UUID

import pytest
from msgspec import structs

from services.retention.actions import read_exports
from services.retention.actions.searches import ReadSearch
from shared.core.errors import Unavailable
from shared.core.permissions import Permission
from shared.core.problem_codes import Common
from shared.events import AccessAttempted, RecordsDisclosed
from tests.integration.retention.conftest import DEVICE, a_hit, a_read, started

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
OTHER_ORI = "CA0520200"
PIECE = 3
MOST = 7
PATH = "/v1/reads/export"
WINDOW = {
    "captured_from": (NOON - timedelta(days=1)).isoformat(),
    "captured_to": (NOON + timedelta(hours=1)).isoformat(),
}
ASKED = {"plate": "7ABC12?", "format": "ndjson", **WINDOW}


@pytest.fixture(autouse=True)
def pieces(monkeypatch):
    """Makes a piece of three reads."""
    assert read_exports.PIECE == 1000
    monkeypatch.setattr(read_exports, "PIECE", PIECE)


async def fill(retention):
    reads = [a_read(f"7ABC12{n}", NOON - timedelta(minutes=n)) for n in range(10)]
    await retention.store(*reads)
    retention.reads = reads
    return retention


@pytest.fixture
async def filled(retention):
    """Retention with ten reads."""
    return await fill(retention)


@pytest.fixture
async def limited(settings, bus, objects, clock, authority, policy):
    """Retention with ten reads, and a policy that lets a person see seven a day."""
    limits = structs.replace(policy.limits, disclosed_finding=2, disclosed_refused=MOST)
    policy = structs.replace(policy, limits=limits)
    async with started(settings, bus, objects, clock, authority, policy) as retention:
        yield await fill(retention)


async def export(retention, status=200, *, headers=None, **changes):
    """Export; return the answer."""
    headers = headers or retention.authority.headers()
    answer = await retention.client.post(PATH, json={**ASKED, **changes}, headers=headers)
    assert answer.status_code == status, answer.text
    return answer


def lines(answer):
    """Return the reads of JSON lines, and their end."""
    first, *reads, last = map(json.loads, answer.text.splitlines())
    assert first.keys() == {"export"}
    return reads, last["end"]


async def disclosed(retention):
    return [
        event
        for event in await retention.emitted(RecordsDisclosed)
        if event.record_kind == "exported_read"
    ]


class Client:
    """Sends one export straight to the app, and receives its messages as slowly as the test wants."""

    def __init__(self, retention, **body):
        self.retention = retention
        self.messages = []
        self.gone = asyncio.Event()
        self.before = None
        content = json.dumps({**ASKED, **body}).encode()
        self._requests = [{"type": "http.request", "body": content, "more_body": False}]
        sent = retention.authority.headers() | {"content-type": "application/json"}
        self._scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": PATH,
            "raw_path": PATH.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [(k.lower().encode(), v.encode()) for k, v in sent.items()],
            "client": ("192.0.2.1", 40000),
            "server": ("test", 80),
            "state": {},
        }

    @property
    def text(self):
        return b"".join(message.get("body", b"") for message in self.messages).decode()

    @property
    def ids(self):
        """Ids of the reads that were sent."""
        found = [json.loads(line) for line in self.text.splitlines()]
        return [line["read_id"] for line in found if "read_id" in line]

    async def run(self):
        await self.retention.app(self._scope, self._receive, self._send)

    async def _receive(self):
        if self._requests:
            return self._requests.pop()
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message):
        if self.before is not None:
            await self.before(message)
        self.messages.append(message)


async def on_record(retention):
    """Return the ids that a committed disclosure names, whether it has reached Kafka or not."""
    return [i for event in await disclosed(retention) for i in event.all_ids]


@pytest.mark.clause("468.3.1(d)/access-record")
@pytest.mark.clause("468.3.1(d)/exports")
async def test_every_exported_read_is_recorded_under_its_export_in_pieces_newest_first(filled):
    answer = await export(filled)
    reads, end = lines(answer)
    assert [read["plate"] for read in reads] == [f"7ABC12{n}" for n in range(10)]
    assert end == {"complete": True, "records": 10}
    events = await disclosed(filled)
    assert [event.count for event in events] == [3, 3, 3, 1]
    assert [i for event in events for i in event.all_ids] == [read["read_id"] for read in reads]
    [attempt] = await filled.emitted(AccessAttempted)
    assert {event.attempt_id for event in events} == {attempt.attempt_id}
    assert {event.permission for event in events} == {"record:export"}
    assert (attempt.permission, attempt.elements["body"]["format"]) == ("record:export", "ndjson")
    found = await filled.search(plate="7ABC12?", limit=10)
    shown = [{**read, "crop_url": None} for read in found["items"]]
    assert [{**read, "crop_url": None} for read in reads] == shown
    assert all("crop_url" not in read for read in reads)


@pytest.mark.clause("468.3.1(d)/exports")
@pytest.mark.parametrize("kind", ["csv", "ndjson", "geojson"])
async def test_a_file_names_its_access_record_its_purpose_and_its_policy(filled, kind):
    answer = await export(filled, format=kind)
    [attempt] = await filled.emitted(AccessAttempted)
    digest = filled.runtime.policy.digest
    headers = answer.headers
    assert (
        headers["content-disposition"]
        == f'attachment; filename="reads-{attempt.attempt_id}.{kind}"'
    )
    assert headers["x-alpr-attempt"] == str(attempt.attempt_id)
    assert headers["x-alpr-policy"] == digest
    assert headers["x-request-id"] == attempt.request_id
    if kind == "csv":
        assert headers["content-type"] == "text/csv; charset=utf-8"
        header, *rows, end = csv.reader(StringIO(answer.text, newline=""))
        assert [dict(zip(header, row, strict=True))["captured_at"] for row in rows][:2] == [
            "2026-06-01T12:00:00Z",
            "2026-06-01T11:59:00Z",
        ]
        assert f"attempt_id={attempt.attempt_id} " in end[0]
        assert f"purpose_id={attempt.purpose.purpose_id} policy_digest={digest}" in end[0]
        assert end[0].startswith("# end: complete=true records=10 ")
        return
    if kind == "geojson":
        assert headers["content-type"] == "application/geo+json"
        found = answer.json()
        assert len(found["features"]) == 10
        about, end = found["export"], found["end"]
    else:
        assert headers["content-type"] == "application/x-ndjson"
        about, end = json.loads(answer.text.splitlines()[0])["export"], lines(answer)[1]
    assert end == {"complete": True, "records": 10}
    assert about["attempt_id"] == str(attempt.attempt_id)
    assert about["purpose"]["purpose_id"] == str(attempt.purpose.purpose_id)
    assert about["purpose"]["case_number"] == "26-001234"
    assert about["policy_digest"] == digest
    assert about["captured_from"] == "2026-05-31T12:00:00Z"


async def test_an_empty_export_is_complete_and_recorded(filled):
    reads, end = lines(await export(filled, plate="9ZZZ999"))
    assert (reads, end) == ([], {"complete": True, "records": 0})
    [event] = await disclosed(filled)
    assert event.count == 0


@pytest.mark.clause("468.3.1(d)/access-record")
@pytest.mark.clause("468.3.1(d)/exports")
async def test_a_read_is_sent_only_after_its_disclosure_is_committed(filled):
    client = Client(filled)
    sizes = []

    async def before(message):
        in_this = [
            json.loads(line)["read_id"]
            for line in message.get("body", b"").decode().splitlines()
            if "read_id" in line
        ]
        sizes.append(len(in_this))
        known = await on_record(filled)
        assert set(in_this) <= set(known)
        # Not the next piece either: it is read when this one is sent.
        assert len(known) <= len(client.ids) + PIECE

    client.before = before
    await client.run()
    assert len(client.ids) == 10
    assert max(sizes) == PIECE, "more than a piece is in memory at once"


@pytest.mark.clause("468.3.1(d)/exports")
async def test_the_next_piece_is_read_once_the_client_has_received_the_last_one(filled):
    """The server writes a message at once and makes the next one wait until the client has received it."""
    client = Client(filled)
    blocked, go_on = asyncio.Event(), asyncio.Event()

    async def before(message):
        if client.ids and not go_on.is_set():
            blocked.set()
            await go_on.wait()

    client.before = before
    running = asyncio.create_task(client.run())
    await blocked.wait()
    await asyncio.sleep(0.2)
    assert await on_record(filled) == client.ids
    assert len(client.ids) == PIECE
    go_on.set()
    await running
    assert len(client.ids) == 10


@pytest.mark.clause("468.3.1(d)/exports")
async def test_a_client_that_leaves_ends_the_work_and_its_last_piece_stays_on_record(filled):
    client = Client(filled)

    async def before(message):
        if client.ids:
            client.gone.set()
            await asyncio.Event().wait()

    client.before = before
    await asyncio.wait_for(client.run(), 10)
    assert len(client.ids) == PIECE
    assert await on_record(filled) == client.ids
    assert '"end":' not in client.text
    assert filled.runtime.db.engine.pool.checkedout() == 0


@pytest.mark.clause("468.3.1(d)/refusals")
@pytest.mark.clause("468.4(a)/disclosed-limit")
@pytest.mark.clause("468.3.1(d)/exports")
async def test_the_limit_of_records_a_day_ends_an_export_marked_incomplete(limited):
    answer = await export(limited)
    reads, end = lines(answer)
    assert [read["plate"] for read in reads] == [f"7ABC12{n}" for n in range(6)]
    assert (end["complete"], end["records"]) == (False, 6)
    assert (end["problem"]["code"], end["problem"]["status"]) == ("disclosure_limit", 403)
    assert "7ABC126" not in answer.text
    assert sum(event.count for event in await disclosed(limited)) == 6
    allowed, refused = await limited.emitted(AccessAttempted)
    assert (allowed.allowed, refused.allowed) == (True, False)
    assert (refused.request_id, refused.permission) == (allowed.request_id, "record:export")
    assert "limit of 7 records a day" in refused.reason
    await limited.search(403, plate="7ABC120")  # the refusal revealed that more match
    limited.clock.advance(hours=12)
    rest, end = lines(await export(limited, after=end["next"]))
    assert [read["plate"] for read in rest] == [f"7ABC12{n}" for n in range(6, 10)]
    assert end == {"complete": True, "records": 4}


@pytest.mark.clause("468.4(a)/disclosed-limit")
async def test_exports_and_searches_count_together(limited):
    await limited.search(plate="7ABC12?", limit=2)
    reads, end = lines(await export(limited))
    assert (len(reads), end["complete"]) == (PIECE, False)


@pytest.mark.clause("468.4(a)/disclosed-limit")
@pytest.mark.clause("468.3.1(d)/exports")
async def test_a_first_piece_past_the_limit_is_refused_with_a_problem(limited):
    await limited.search(plate="7ABC12?", limit=5)
    answer = await export(limited, 403)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "disclosure_limit"
    assert await disclosed(limited) == []
    assert [a.allowed for a in await limited.emitted(AccessAttempted)] == [True, True, False]


@pytest.mark.clause("468.3.1(d)/exports")
@pytest.mark.parametrize("kind", ["csv", "geojson"])
async def test_every_format_says_that_it_is_incomplete(limited, kind):
    answer = await export(limited, format=kind)
    if kind == "csv":
        last = list(csv.reader(StringIO(answer.text, newline="")))[-1]
        assert last[0].startswith("# end: complete=false records=6 next=")
        assert " problem=disclosure_limit " in last[0]
    else:
        found = answer.json()
        assert (len(found["features"]), found["end"]["complete"]) == (6, False)


SCOPES = [
    {"plate": "7ABC120"},
    {"captured_from": (NOON - timedelta(hours=2)).isoformat()},
    {"captured_to": NOON.isoformat()},
    {"device_ids": [str(DEVICE)]},
    {"area": {"latitude": 39.9277, "longitude": -122.1792, "radius_m": 400}},
]


def headers_of(retention, scope, **claims):
    return {
        "Authorization": f"Bearer {retention.authority.access_token(**claims)}",
        "X-ALPR-Purpose": retention.authority.purpose_token(scope=scope),
    }


@pytest.mark.clause("468.6(b)/case-bound")
@pytest.mark.parametrize("scope", SCOPES)
async def test_an_export_beyond_the_purposes_scope_is_refused(filled, scope):
    answer = await export(filled, 403, headers=headers_of(filled, scope))
    assert answer.json()["code"] == "purpose_scope_exceeded"
    assert await disclosed(filled) == []
    assert not (await filled.emitted(AccessAttempted))[-1].allowed


@pytest.mark.clause("468.6(b)/case-bound")
async def test_a_purpose_for_a_plate_does_not_cover_its_look_alikes(filled):
    headers = headers_of(filled, {"plate": "7ABC120"})
    reads, _ = lines(await export(filled, plate="7ABC120", headers=headers))
    assert len(reads) == 1
    await export(filled, 403, plate="7ABC120", lookalike=True, headers=headers)


@pytest.mark.clause("468.6(b)/case-bound")
async def test_a_purpose_for_an_area_covers_an_export_of_what_lies_within(filled):
    area = {"latitude": 39.9277, "longitude": -122.1792, "radius_m": 400}
    headers = headers_of(filled, {"area": area})
    reads, _ = lines(await export(filled, area=area, headers=headers))
    assert len(reads) == 10
    await export(filled, 403, area={**area, "radius_m": 500}, headers=headers)


@pytest.mark.clause("468.2/official-use")
@pytest.mark.clause("468.3.1(d)/exports")
async def test_the_search_permission_does_not_allow_exports(filled):
    others = filled.authority.headers(*set(Permission) - {Permission.RECORD_EXPORT})
    assert (await export(filled, 403, headers=others)).json()["code"] == "permission_missing"
    answer = await filled.client.post(PATH, json=ASKED)
    assert answer.status_code == 401
    assert await disclosed(filled) == []
    roles = filled.runtime.policy.roles
    assert {role for role, held in roles.items() if "record:export" in held} == {"investigator"}


@pytest.mark.clause("468.4(a)/purpose-opens")
@pytest.mark.parametrize("kind", ["department_action", "suspect_interdiction", "audit", "release"])
async def test_an_export_without_an_investigative_purpose_is_refused(filled, kind):
    headers = filled.authority.headers(purpose=kind)
    assert (await export(filled, 403, headers=headers)).json()["code"] == "purpose_does_not_open"


@pytest.mark.clause("468.2/official-use")
async def test_an_export_contains_no_reads_of_another_agency(filled):
    await filled.store(*(a_read(f"7ABC12{n}", NOON, agency_ori=OTHER_ORI) for n in "XYZ"))
    reads, _ = lines(await export(filled))
    assert len(reads) == 10
    other = filled.authority.headers(ori=OTHER_ORI)
    reads, _ = lines(await export(filled, headers=other))
    assert sorted(read["plate"] for read in reads) == ["7ABC12X", "7ABC12Y", "7ABC12Z"]


@pytest.mark.clause("468.4(e)/entitlement")
async def test_an_export_contains_no_hits_of_lists_without_entitlement(filled):
    await filled.store(
        a_hit(filled.reads[0], source="federal"),
        a_hit(filled.reads[1], hit_id=UUID(int=9), source="state"),
    )
    headers = filled.authority.headers(sources=["department", "state"])
    reads, _ = lines(await export(filled, headers=headers))
    assert [len(read["hits"]) for read in reads[:3]] == [0, 1, 0]


@pytest.mark.clause("468.4/narrowness")
async def test_an_export_is_as_narrow_as_a_search(filled):
    wide = {"plate": None, "device_ids": [str(DEVICE)]}
    month = (NOON - timedelta(days=32)).isoformat()
    answer = await export(filled, 422, **wide, captured_from=month)
    assert (answer.json()["code"], answer.json()["field"]) == ("window_too_long", "captured_from")
    answer = await export(filled, 422, plate=None)
    assert answer.json()["field"] == "plate"
    assert (await export(filled, 422, format="xlsx")).json()["field"] == "body.format"
    assert await disclosed(filled) == []


async def until_second_piece(retention, act):
    """Run an export, and act before the message after the first piece; return its reads' ids and its end."""
    client = Client(retention)
    acted = False

    async def before(message):
        nonlocal acted
        if client.ids and not acted:
            acted = True
            act()

    client.before = before
    await client.run()
    return client.ids, json.loads(client.text.splitlines()[-1])["end"]


@pytest.mark.clause("468.3.1(d)/exports")
@pytest.mark.parametrize("fault", ["expired", "suspended", "training", "stale", "backlog"])
async def test_an_export_checks_the_persons_access_again_before_each_piece(filled, fault):
    people = filled.authority.people

    def act():
        match fault:
            case "expired":
                filled.clock.advance(minutes=11)
            case "suspended":
                account = "00000000-0000-4000-8000-000000000007"
                people.know(filled.authority.account(account, "suspended", filled.clock.now()))
            case "training":
                filled.clock.advance(minutes=5)
            case "stale":
                people.assume_current(filled.clock.now() - timedelta(seconds=1))
            case "backlog":
                filled.runtime.relay.backlog = 10**9

    if fault == "training":
        whole = filled.authority.headers
        until = filled.clock.now() + timedelta(minutes=4)
        filled.authority.headers = lambda: whole(trained_until=until)
    ids, end = await until_second_piece(filled, act)
    assert (len(ids), end["complete"], end["records"]) == (PIECE, False, PIECE)
    assert end["next"]
    assert (
        end["problem"]["code"]
        == {
            "expired": "token_expired",
            "suspended": "account_ended",
            "training": "training_lapsed",
            "stale": "accounts_unchecked",
            "backlog": "access_records_wait",
        }[fault]
    )
    filled.runtime.relay.backlog = 0
    assert await on_record(filled) == ids


async def test_an_export_ends_marked_incomplete_when_the_database_is_lost(filled, monkeypatch):
    real, calls = ReadSearch.page, []

    async def page(*given, **named):
        calls.append(named["limit"])
        if len(calls) == 2:
            raise Unavailable(Common.DATABASE_AWAY)
        return await real(*given, **named)

    monkeypatch.setattr(ReadSearch, "page", page)
    reads, end = lines(await export(filled))
    assert calls == [PIECE, PIECE]
    assert (len(reads), end["complete"], end["problem"]["status"]) == (PIECE, False, 503)


async def test_an_export_is_cut_off_by_a_software_fault(filled, monkeypatch):
    real, calls = ReadSearch.page, []

    async def page(*given, **named):
        calls.append(named["limit"])
        if len(calls) == 2:
            raise ZeroDivisionError
        return await real(*given, **named)

    monkeypatch.setattr(ReadSearch, "page", page)
    client = Client(filled)
    with pytest.raises(ZeroDivisionError):
        await client.run()
    assert len(client.ids) == PIECE
    assert client.messages[-1].get("more_body", True)
    assert '"end"' not in client.text


@pytest.mark.clause("468.3.1(d)/exports")
async def test_device_names_are_escaped_against_formulas(retention):
    await retention.store(a_read("7ABC120", NOON, device_name='=HYPERLINK("http://x","y")'))
    answer = await export(retention, format="csv")
    _, row, _ = csv.reader(StringIO(answer.text, newline=""))
    assert any(cell.startswith("'=HYPERLINK") for cell in row)
    assert not any(cell.startswith(("=", "@", "+")) for cell in row)
