"""Events of a service that was taken over: whatever they say, the rules, draws and erasing go on without them."""

from datetime import timedelta
from hashlib import sha256
from time import process_time
from uuid import uuid4

import msgspec
import pytest

from services.audit.actions.preparation import MOST_NESTED
from services.audit.domain.sealing import Unreadable
from services.audit.store.periods import Periods
from services.audit.store.values import Values
from shared.events import (
    AccountChanged,
    DeviceSilenced,
    FindingRaised,
    PolicyLoaded,
    PurposeRecord,
    RecordsDisclosed,
    RefusalsCounted,
)
from tests.integration.audit.conftest import a_disclosure, an_actor, an_attempt
from tests.integration.audit.messages import message_of, with_right_mac

pytestmark = pytest.mark.clause("468.3.1(c)/monitoring")

LONG = b"".join([sha256(bytes([n])).hexdigest().encode() for n in range(250)])
"""A text that Postgres cannot index."""

REFUSED = "SELECT subject FROM findings WHERE kind = 'refused_access'"


def odd(event, old, new, source="retention"):
    """Return the event as a message with other text in its body, and the MAC of its service."""
    message = message_of(event, source)
    assert old in message.value
    return with_right_mac(message._replace(value=message.value.replace(old, new)), source)


def a_start(clock):
    return PolicyLoaded(occurred_at=clock.now(), service="retention", digest="1" * 64, version="v")


def a_flood(clock, address="192.0.2.9"):
    return RefusalsCounted(
        occurred_at=clock.now(),
        service="retention",
        client_address=address,
        route="/v1/reads",
        count=77,
        since=clock.now(),
        until=clock.now(),
        allowed=False,
    )


@pytest.mark.parametrize(
    ("make", "old", "new"),
    [
        (a_start, b'"digest"', b'"another"'),
        (a_start, b'"version":"v"', b'"version":"\\u0000"'),
        (a_start, b'"version":"v"', b'"version":7'),
        (a_start, b"1" * 64, LONG),
        (a_start, b'"version":"v"', b'"version":"' + LONG + b'"'),
        (a_flood, b'"count":77', b'"count":"many"'),
        (a_flood, b"/v1/reads", b"\\u0000"),
        (a_flood, b'"count":77', b'"x":"\\u0000","count":77'),
    ],
)
async def test_an_event_of_another_shape_does_not_stop_the_rules(
    writer, watch, query, clock, make, old, new
):
    await writer.append([odd(make(clock), old, new), message_of(a_flood(clock, "192.0.2.44"))])
    await watch.catch_up()
    assert ("address 192.0.2.44",) in await query(REFUSED)


@pytest.mark.parametrize("name", ["device_name", "device_id"])
async def test_a_text_that_is_too_long_for_a_finding_does_not_stop_the_rules(
    writer, watch, query, clock, name
):
    silent = DeviceSilenced(
        occurred_at=clock.now(),
        device_id=uuid4(),
        device_name="north",
        last_heard_at=clock.now(),
        silent_after_s=60,
    )
    said = {"device_name": '"north"', "device_id": f'"{silent.device_id}"'}[name]
    long = odd(
        silent, f'"{name}":{said}'.encode(), f'"{name}":"{"x" * 950_000}"'.encode(), "ingest"
    )
    await writer.append([long, message_of(a_flood(clock))])
    await watch.catch_up()
    assert await query(REFUSED) == [("address 192.0.2.9",)]
    [(subject,)] = await query("SELECT subject FROM findings WHERE kind = 'device_silence'")
    assert len(subject) <= 500


@pytest.mark.parametrize(
    ("change", "details"),
    [
        ("exclusive_roles_found", {}),
        ("exclusive_roles_found", {"pairs": [1]}),
        ("enrolled", {"beside": ["x"]}),
    ],
)
async def test_an_account_change_with_other_details_does_not_stop_the_rules(
    writer, watch, query, clock, change, details
):
    changed = AccountChanged(
        occurred_at=clock.now(),
        actor=an_actor(),
        account_id=uuid4(),
        account_number=1,
        status="active",
        change=change,
        tokens_valid_from=clock.now(),
        details=details,
    )
    await writer.append([message_of(changed, "identity"), message_of(a_flood(clock))])
    await watch.catch_up()
    assert await query(REFUSED) == [("address 192.0.2.9",)]


def nested(clock, levels, text=b""):
    """Return an access whose body has so many levels: the object, and lists in it."""
    within = b"[" * (levels - 1) + text + b"]" * (levels - 1)
    return odd(an_attempt(clock, route="rrr"), b'"rrr"', b'"rrr","x":' + within)


async def test_an_access_nested_as_deeply_as_allowed_can_be_read_and_a_deeper_one_is_refused(
    app, writer, query, client, auditor, clock
):
    brackets = b'"' + b"[{" * 200 + b'\\"]"'
    await writer.append([nested(clock, MOST_NESTED, brackets)])
    with pytest.raises(Unreadable, match="nested deeper"):
        await writer.append([nested(clock, MOST_NESTED + 1)])
    assert await query("SELECT count(*) FROM entries") == [(1,)]
    read = await client.get("/v1/entries/0", headers=auditor())
    found = await client.post("/v1/entries/search", json={"exact": True}, headers=auditor())
    assert (read.status_code, found.status_code) == (200, 200)


@pytest.mark.parametrize("quote", [b'"', b""], ids=["in a string", "in none"])
async def test_a_body_that_ends_in_escapes_is_refused_at_once(writer, clock, quote):
    """It would keep the log from all other events meanwhile."""
    body = b"[" * (MOST_NESTED + 1) + quote + b'\\"' * 20_000
    message = message_of(an_attempt(clock), "retention")._replace(value=body)
    began_s = process_time()
    with pytest.raises(Unreadable):
        await writer.append([message])
    assert process_time() - began_s < 3


async def test_an_entry_of_a_megabyte_of_plates_can_be_read_and_all_of_them_are_on_record(
    app, writer, query, client, auditor, clock, runtime, bus
):
    attempt = an_attempt(clock)
    event = a_disclosure(clock, attempt, record_ids=("rrr",), plates=("9X",))
    plates = [f"{n:X}" for n in range(0x10000, 0x10000 + 120_000)]
    large = odd(event, b'["9X"]', msgspec.json.encode(plates))
    await writer.append([message_of(attempt), large])
    read = await client.get("/v1/entries/1", headers=auditor())
    found = await client.post("/v1/entries/search", json={}, headers=auditor())
    assert (read.status_code, found.status_code) == (200, 200)
    await runtime.relay.drain()
    shown = [event for event in bus.events(RecordsDisclosed) if event.record_kind == "audit_entry"]
    named = {plate for event in shown for plate in event.all_plates}
    assert len(named) == len(plates) + 1
    assert sum(event.count for event in shown) == 3


async def test_an_access_with_many_lists_beside_each_other_is_logged(writer, query, clock):
    many = b'"rrr","x":[' + b",".join([b'{"y":[[],{}]}'] * 1000) + b"]"
    await writer.append([odd(an_attempt(clock, route="rrr"), b'"rrr"', many)])
    assert await query("SELECT count(*) FROM entries") == [(1,)]


async def test_a_nul_in_an_access_does_not_keep_a_period_from_its_draw(
    app, writer, runtime, query, clock
):
    await writer.append([odd(an_attempt(clock, route="rrr"), b"rrr", b"r\\u0000r")])
    clock.advance(days=40)
    assert await writer.fix_period(1) is not None
    async with runtime.db.begin() as connection:
        periods = Periods(connection)
        assert await periods.population(await periods.last()) == [0]


BACKSLASHED = PurposeRecord(kind="criminal_investigation", offence_type="\\u0000vehicle theft")
"""A purpose as a person may type it: a backslash, and no NUL."""


async def test_a_backslash_that_a_person_types_keeps_no_period_from_its_draw(
    app, writer, runtime, clock
):
    await writer.append([message_of(an_attempt(clock, purpose=BACKSLASHED))])
    clock.advance(days=40)
    assert await writer.fix_period(1) is not None
    async with runtime.db.begin() as connection:
        periods = Periods(connection)
        assert await periods.population(await periods.last()) == [0]


async def test_a_backslash_that_a_person_types_does_not_stop_the_rules(writer, watch, query, clock):
    attempt = an_attempt(clock, purpose=BACKSLASHED)
    answer = a_disclosure(clock, attempt)
    picture = a_disclosure(clock, attempt, count=1, record_kind="crop")
    await writer.append([message_of(one) for one in (attempt, answer, picture, a_flood(clock))])
    await watch.catch_up()
    assert await query(REFUSED) == [("address 192.0.2.9",)]


@pytest.mark.parametrize("number", [b"1e-20000", b"0." + b"0" * 20_000 + b"1"])
async def test_a_number_that_postgres_cannot_have_keeps_no_period_from_its_draw(
    app, writer, runtime, clock, number
):
    attempt = odd(an_attempt(clock, route="rrr"), b'"rrr"', b'"rrr","x":' + number)
    await writer.append([attempt])
    clock.advance(days=40)
    assert await writer.fix_period(1) is not None
    async with runtime.db.begin() as connection:
        periods = Periods(connection)
        assert await periods.population(await periods.last()) == [0]


async def test_a_nul_in_a_sealed_value_does_not_keep_the_others_of_its_day(
    app, writer, runtime, clock
):
    disclosed = a_disclosure(clock, an_attempt(clock), record_ids=("rrr", "r2"))
    await writer.append([odd(disclosed, b"rrr", b"r\\u0000r")])
    async with runtime.db.begin() as connection:
        found = await Values(connection).reads_of_day(clock.now() - timedelta(days=1))
        assert len(found) == 2


async def test_a_number_that_postgres_cannot_have_does_not_keep_the_other_values_of_its_day(
    app, writer, runtime, clock
):
    disclosed = a_disclosure(clock, an_attempt(clock), record_ids=("rrr", "r2"))
    await writer.append([odd(disclosed, b'"rrr"', b'"rrr","x":1e-20000')])
    async with runtime.db.begin() as connection:
        assert len(await Values(connection).reads_of_day(clock.now() - timedelta(days=1))) == 1


@pytest.mark.parametrize(
    ("days", "why"),
    [(367, "its time is more than a year ahead"), (-60 * 366, "its time is before 1970")],
)
async def test_an_access_that_no_clock_can_have_dated_is_not_logged_and_raises_a_finding(
    app, writer, clock, runtime, bus, query, days, why
):
    """A sample would never have it, and a table would be made for its month."""
    partitions = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'sealed_values'::regclass"
    before = await query(partitions)
    far = message_of(an_attempt(clock, occurred_at=clock.now() + timedelta(days=days)))
    with pytest.raises(Unreadable, match=why):
        await writer.append([far])
    assert await query("SELECT count(*) FROM entries") == [(0,)]
    assert await query(partitions) == before
    await runtime.relay.drain()
    [finding] = bus.events(FindingRaised)
    assert (finding.kind, finding.details["why"]) == ("not_logged", why)


@pytest.mark.parametrize("days", [366, -20 * 366])
async def test_an_access_that_a_wrong_clock_dated_is_logged(app, writer, clock, query, days):
    wrong = an_attempt(clock, occurred_at=clock.now() + timedelta(days=days))
    await writer.append([message_of(wrong)])
    assert await query("SELECT count(*) FROM entries") == [(1,)]
