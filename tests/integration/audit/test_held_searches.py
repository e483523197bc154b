"""Looks at what a hold keeps count as searches of the plate that the hold names, with events of retention itself."""

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace
from pydantic import SecretStr

from services.retention.domain.criteria import Criteria, decode_cursor
from shared.testing import FakeClock, mac_key_text
from tests.integration.audit.conftest import OFFICER
from tests.integration.retention import conftest as retaining
from tests.integration.retention.exporting import download, exported
from tests.integration.retention.holding import RELEASER, place, release

DAY = timedelta(days=1)


@pytest.fixture
def clock():
    """A clock that shows the present, as disclosures do."""
    return FakeClock(datetime.now(UTC))


@pytest.fixture
async def retention(app, settings, database_url, bus, objects, clock, authority, policy):
    """Retention beside audit, with tables of its own in the same database."""
    own = settings.model_copy(
        update={
            "database_owner_url": database_url,
            "database_allow_owner": True,
            "event_mac_key": SecretStr(mac_key_text("retention")),
        }
    )
    async with retaining.started(own, bus, objects, clock, authority, policy) as service:
        yield service


@pytest.fixture
def raised(retention, deliver, findings):
    """Have audit take what retention published; return the kinds and plates of the new findings."""

    async def append():
        await retention.runtime.relay.drain()
        await deliver()
        return [(f.kind, f.subject, f.details.get("plate")) for f in await findings()]

    return append


@pytest.fixture
async def seen(retention, clock):
    """The vehicle and another one, as cameras saw them daily for ten days."""
    first = clock.now() - 10 * DAY
    for number in range(10):
        for plate in ("7ABC123", "8XYZ987"):
            await retention.store(retaining.a_read(plate, first + number * DAY))


def of_case(retention, case):
    """Headers of the officer with a purpose that names this case."""
    purpose = retention.authority.purpose_token(account_id=OFFICER, case_number=case)
    return {**retention.authority.headers(account_id=OFFICER), "X-ALPR-Purpose": purpose}


def records(hold):
    return f"/v1/holds/{hold['hold_id']}/records"


REPEATED = [("repeated_plate_search", OFFICER, "7ABC123")]


@pytest.mark.clause("468.3.1(c)/held-searches")
@pytest.mark.parametrize("restarted", [False, True], ids=["one process", "restarted"])
async def test_a_hold_that_is_looked_at_again_and_again_is_a_finding(
    retention, seen, raised, watch, restarted
):
    hold = await place(retention, plate="7ABC123")
    for _ in range(9):
        await retention.get(records(hold), account_id=OFFICER)
        assert await raised() == []
        if restarted:
            watch._recent._forget(-1)
    await retention.get(records(hold), account_id=OFFICER)
    assert await raised() == REPEATED


@pytest.mark.clause("468.3.1(c)/held-searches")
async def test_looks_at_holds_and_searches_of_one_plate_count_together(retention, seen, raised):
    hold = await place(retention, plate="7ABC12?")
    for case in ("26-1", "26-2"):
        headers = of_case(retention, case)
        assert (await retention.client.get(records(hold), headers=headers)).is_success
    assert await raised() == []
    await retention.search(plate="7ABC123", headers=of_case(retention, "26-3"))
    assert await raised() == REPEATED


@pytest.mark.clause("468.3.1(c)/held-searches")
async def test_a_package_that_is_fetched_is_a_search_of_its_plate(retention, seen, raised):
    _, export = await exported(retention, plate="7ABC123")
    for _ in range(9):
        await download(retention, export, account_id=OFFICER)
    assert await raised() == []
    await download(retention, export, account_id=OFFICER)
    assert await raised() == REPEATED


@pytest.mark.clause("468.3.1(c)/held-searches")
async def test_the_pages_of_one_look_are_one_search(retention, seen, raised):
    hold = await place(retention, plate="7ABC123")
    path, after, pages = f"{records(hold)}?limit=1", "", 0
    while after is not None:
        query = f"&after={after}" if after else ""
        after = (await retention.get(path + query, account_id=OFFICER)).json()["next"]
        pages += 1
    assert pages == 10
    assert await raised() == []


@pytest.mark.clause("468.3.1(c)/held-searches")
async def test_a_page_after_no_read_of_the_hold_is_a_search_of_its_own(
    retention, seen, raised, clock
):
    """A caller may make up the end of a page in the future, and see what a first page shows."""
    hold = await place(retention, plate="7ABC123")
    other = await place(retention, plate="8XYZ987")
    of_other = (await retention.get(f"{records(other)}?limit=1")).json()["next"]
    end = decode_cursor(of_other, Criteria(plate="8XYZ987"))
    own = Criteria(plate="7ABC123").fingerprint
    ends = [
        replace(end, captured_at=clock.now() + DAY, fingerprint=own),
        replace(end, fingerprint=own),
    ]
    for number in range(10):
        assert await raised() == []
        path = f"{records(hold)}?after={ends[number % 2].encode()}"
        assert (await retention.get(path, account_id=OFFICER)).json()["items"]
    assert await raised() == REPEATED


@pytest.mark.clause("468.3.1(c)/held-searches")
async def test_honest_work_with_holds_raises_no_finding(retention, seen, raised):
    """A custodian lists holds, reads one hold of many plates again and again, and each hold of one plate once."""
    wide = await place(retention, device_ids=[str(retaining.DEVICE)])
    confirmed = {"reason": "one camera, as counsel asks"}
    path = f"/v1/holds/{wide['hold_id']}/confirmation"
    await retention.post(path, confirmed, **RELEASER)
    for case in ("26-1", "26-2", "26-3"):
        for path in 4 * (records(wide), "/v1/holds"):
            headers = of_case(retention, case)
            assert (await retention.client.get(path, headers=headers)).is_success
    narrow = [await place(retention, plate=plate) for plate in ("7ABC123", "8XYZ987")]
    for hold in narrow:
        await retention.get(records(hold), account_id=RELEASER["account_id"])
        for _ in range(10):
            path = f"/v1/holds/{hold['hold_id']}"
            await retention.get(path, account_id=RELEASER["account_id"])
        await release(retention, hold)
    assert await raised() == []


@pytest.mark.clause("468.3.1(c)/held-searches")
async def test_looks_at_holds_count_with_the_searches_of_an_hour(retention, seen, raised):
    holds = [await place(retention, plate=f"1AAA{number:03}") for number in range(61)]
    for hold in holds[:60]:
        await retention.get(records(hold), account_id=OFFICER)
    assert await raised() == []
    await retention.get(records(holds[60]), account_id=OFFICER)
    assert [kind for kind, *_ in await raised()] == ["many_searches"]
