"""One insider of each role, who tries every act that the role's rights allow for a day.

The test counts the records in the answers, compares them with the policy's limits, and finds them in the audit log;
each excess over a limit is a finding within a minute.
"""

import json
import os
from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import text

from shared.testing import eventually
from tests.integration.insiders import checks
from tests.integration.insiders.day import Day, Known
from tests.integration.insiders.department import ELSEWHERE, department, publish, smaller
from tests.integration.insiders.insider import Insider
from tests.integration.insiders.ledger import Findings, Ledger
from tests.integration.insiders.records import Store, a_record, outcome

FINDING, REFUSED = 15, 40
RECORDS, OLD = 60, 15
PURPOSE = "criminal_investigation"
SMOKE_ROLES = ("investigator",)
ASKED = os.environ.get("INSIDERS", "")
"""The roles that spend a whole day: `all`, or their names with commas between; empty in the ordinary tests."""


@pytest.fixture
async def here(postgres, database_url, broker, repository, tmp_path):
    policy_file = smaller(repository / "policy.toml", tmp_path, finding=FINDING, refused=REFUSED)
    async with department(postgres, database_url, broker, policy_file) as here:
        yield here


def title_of(policy, role):
    """Return a title of the policy that a person of the role may have."""
    external = "release:request" in policy.roles[role]
    return min(policy.titles.external) if external else "Lieutenant"


async def seeded(here):
    """Fill the store: hits old and new, a list, a camera, an account and a request that may all be lost."""
    ori = here.policy.department.ori
    now = here.clock.now()
    hours = here.policy.limits.hits_without_purpose_h
    ages = [
        timedelta(hours=hours + 2, seconds=n) if n < OLD else timedelta(minutes=2, seconds=n)
        for n in range(RECORDS)
    ]
    store = Store([a_record(n, now - age, ori) for n, age in enumerate(ages)])
    for record in store.records:
        await here.objects.put(record.capture.image.object_key, record.picture)
        for read in record.recognised.reads:
            await here.objects.put(
                f"crops/{record.capture.device_id}/{record.captured_at:%Y/%m/%d}/{read.read_id}.jpg",
                record.picture,
            )
    made = await here.as_administrator(
        "hotlist", "POST", "/v1/lists", {"name": "stolen", "source": "department"}
    )
    rows = "".join(f"{r.plate},CA,stolen_vehicle\n" for r in store.records)
    sent = await here.ask(
        "hotlist",
        "POST",
        f"/v1/lists/{made['list_id']}/versions?activate=true",
        {
            **here.administrator.headers,
            "content-type": "text/csv",
            "x-alpr-purpose": await here.administrators_purpose(),
        },
        f"plate,state,record_kind\n{rows}".encode(),
    )
    assert sent.status == 201, sent.body
    decoy = await here.as_administrator(
        "hotlist", "POST", "/v1/lists", {"name": "decoy", "source": "department"}
    )
    device = await here.as_administrator(
        "ingest",
        "POST",
        "/v1/devices",
        {"name": "decoy", "kind": "vehicle"},
    )
    account = await here.as_administrator(
        "identity",
        "POST",
        "/v1/accounts",
        {
            "username": "de.coy",
            "name": "De Coy",
            "title": "Police Officer",
            "agency_ori": ori,
            "roles": ["officer"],
            "sources": ["department"],
        },
    )
    await here.as_administrator(
        "release",
        "POST",
        "/v1/agencies",
        {
            "ori": ELSEWHERE,
            "name": "Tehama County Sheriff",
            "kind": "law_enforcement",
            "state": "US-CA",
            "contact": "records",
        },
    )
    await publish(here.broker, "recognition", [record.recognised for record in store.records])
    await publish(here.broker, "recognition", [outcome(record) for record in store.records])
    hit_ids = await eventually(lambda: _hits(here), within_s=60)
    known = Known(
        hit_ids=hit_ids,
        pass_ids=(),
        list_id=made["list_id"],
        decoy_list_id=decoy["list_id"],
        decoy_device_id=device["device"]["device_id"],
        decoy_account_id=account["account"]["account_id"],
        request_id="00000000-0000-4000-8000-00000000f00d",
    )
    return store, known


async def _hits(here):
    """Return all hits, once each record is stored and matched."""
    async with here.runtimes["retention"].db.begin() as connection:
        reads = (await connection.execute(text("SELECT count(*) FROM reads"))).scalar_one()
        captures = (await connection.execute(text("SELECT count(*) FROM captures"))).scalar_one()
    async with here.runtimes["hotlist"].db.begin() as connection:
        rows = (await connection.execute(text("SELECT hit_id FROM hits ORDER BY seq"))).all()
    if (reads, captures, len(rows)) != (RECORDS, RECORDS, RECORDS):
        return None
    return tuple(str(row.hit_id) for row in rows)


async def spend(day):
    """Do all of it: each door first while it is open."""
    insider = day.insider
    await day.declare_everything()
    purpose = PURPOSE if PURPOSE in insider.purposes else None
    await day.collect_through_holds(purpose)
    await day.collect_records(purpose)
    await day.collect_hits(None)
    await day.collect_hits(purpose)
    await day.collect_lists(purpose)
    await day.collect_requests(purpose)
    await day.collect_log("audit")
    await day.sweep()
    await day.act_on_themselves()
    if insider.purposes:
        await day.go_round_the_limit(PURPOSE)
    await day.end_sessions()
    await day.come_back(PURPOSE)


@pytest.mark.clause("468.4(a)/insider")
async def test_an_insider_of_each_role_stays_within_the_limits_and_is_recorded(here):
    asked = ASKED.split(",") if ASKED else SMOKE_ROLES
    roles = [role for role in here.policy.roles if ASKED == "all" or role in asked]
    assert roles, f"roles are: {', '.join(here.policy.roles)}"
    people = await here.staff({role: title_of(here.policy, role) for role in roles})
    store, known = await seeded(here)
    await here.heard()
    audit = here.runtimes["audit"]
    wrong = []
    async with Findings(audit) as findings:
        for role, person in people.items():
            await person.sign_in()  # the days of the others take longer than an idle session lasts
            insider = Insider(role, person, here, store)
            day = Day(insider, known, whole=bool(ASKED))
            await spend(day)
            ledger = Ledger(audit)
            wrong += await checks.all_of(here, day, ledger, findings)
            print(role, dict(insider.statuses), len(insider.carried()))
    for fault in wrong:
        print(f"WRONG {fault}")
    assert wrong == [], Counter(fault.split(":")[0] for fault in wrong)


def test_each_act_of_a_person_has_the_entry_that_it_leaves(repository):
    """A day's acts are drawn: one without a line here would fail the days that draw it."""
    acts = {
        f"{file.stem} {path}"
        for file in (repository / "docs/openapi").glob("*.json")
        for path, operations in json.loads(file.read_bytes())["paths"].items()
        for method, operation in operations.items()
        if method != "get" and {"access_token": []} in operation.get("security", [])
    }
    assert len(acts) > 60
    assert [
        act for act in sorted(acts) if act not in checks.NO_DEEDS and not checks.entries_of(act)
    ] == []
    assert checks.NO_DEEDS.keys() <= acts
