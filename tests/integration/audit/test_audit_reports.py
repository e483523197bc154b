"""An audit ends in a report, which an outsider makes again from an export of the log (ADR-0130)."""

import json
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from services.audit.__main__ import COMMANDS
from services.audit.domain.sampling import sample_size
from services.audit.spec import SPEC
from shared.core.signed_notes import Signer
from shared.events import (
    AccessAttempted,
    HoldChanged,
    PolicyLoaded,
    PurposeRecord,
    RecordsDisclosed,
)
from shared.service.command import status_of
from tests.integration.audit.conftest import DRAWER, OFFICER, SEED, SUPERVISOR, an_attempt

VKEY = Signer("plateward.local/audit/2", SEED).verifier.vkey
JULY, AUGUST = (datetime(2026, month, 1, tzinfo=UTC) for month in (7, 8))
STATEMENT = "Reviewed in full; one access was <improper>"


@pytest.fixture
def report_of(client, auditor):
    """Ask for the report of a period; return the answer."""

    async def ask(seq, rest="", **options):
        path = f"/v1/audits/periods/{seq}/report{rest}"
        return await client.get(path, headers=auditor(**options))

    return ask


@pytest.fixture
def sections(report_of, deliver, writer):
    """Sign the log and return the report of a period, and its sections by heading."""

    async def read(seq, rest=""):
        await deliver()
        await writer.sign_if_grown()
        response = await report_of(seq, rest)
        assert response.status_code == 200, response.text
        found = response.json()
        return found, {one["heading"]: one for one in found["sections"]}

    return read


@pytest.fixture
async def audited(deliver, clock, fix, periods, draw_of, client, auditor):
    """A month with accesses, refusals and a hold; return its period and its drawn audit."""
    policy = PolicyLoaded(
        occurred_at=clock.now(), service="audit", digest="ab" * 32, version="2026-05"
    )
    hold = HoldChanged(
        occurred_at=clock.now(),
        actor=an_attempt(clock).actor,
        hold_id=uuid4(),
        change="placed",
        basis="evidence",
        case_number="26-001234",
    )
    theft = PurposeRecord(kind="missing_person", offence_type="x", case_number="26-000001")
    await deliver(
        policy,
        *[an_attempt(clock) for _ in range(30)],
        *[an_attempt(clock, service="hotlist", purpose=theft) for _ in range(10)],
        *[an_attempt(clock, allowed=False) for _ in range(2)],
        an_attempt(clock, method="EVENT"),
        an_attempt(clock, occurred_at=JULY),
        hold,
    )
    await fix(JULY)
    [period] = await periods()
    return period, (await draw_of(period["seq"])).json()


@pytest.fixture
def reviewed(client, auditor, audited):
    """Review accesses of the sample, the second one as improper."""

    async def review(numbers):
        path = f"/v1/audits/{audited[1]['audit_id']}"
        for number in numbers:
            said = {"outcome": "improper" if number == 2 else "proper", "note": "7ABC123, see file"}
            answer = await client.post(
                f"{path}/items/{number}/review", json=said, headers=auditor()
            )
            assert answer.status_code == 200, answer.text

    return review


@pytest.fixture
def signed_off(client, auditor, audited):
    """Have another person sign the audit off."""

    async def sign():
        path = f"/v1/audits/{audited[1]['audit_id']}/sign-off"
        signer = auditor(account_id=SUPERVISOR, name="Sam Supervisor", title="Sergeant")
        assert (
            await client.post(path, json={"statement": STATEMENT}, headers=signer)
        ).status_code == 200

    return sign


@pytest.fixture
def verified(tmp_path, exported, capsys):
    """Compare a file with an export, which is made once; return the exit status and what is said."""
    exports = []

    async def verify(content):
        if not exports:
            exports.append(str(await exported()))
        file = tmp_path / "report.html"
        file.write_bytes(content)
        words = ["verify-report", str(file), *exports, "--vkey", VKEY]
        capsys.readouterr()
        status = status_of(SPEC, COMMANDS, words)
        said = capsys.readouterr()
        return status, said.out + said.err

    return verify


CHANGES = (
    (b"<td>proper</td>", b"<td>improper</td>"),
    (b"Sam Supervisor", b"Sid Supervisor"),
    (b"&quot;names&quot;:", b"&quot;names&quot; :"),
    (b"</html>\n", b"</html>\r\n"),
)
"""What a forger might change, and what a careless copy."""

CLAUSE = pytest.mark.clause("468.6(c)/audit-report")


def column(section, number=1):
    return {row[0]: row[number] for row in section["rows"]}


@CLAUSE
async def test_a_report_says_who_did_what_and_an_outsider_makes_the_same_from_an_export(
    audited, reviewed, signed_off, sections, report_of, verified
):
    period, audit = audited
    await reviewed(range(1, sample_size(40) + 1))
    await signed_off()
    found, by_heading = await sections(period["seq"])
    assert (found["is_complete"], found["missing"]) == (True, [])
    facts = {one["name"]: one["value"] for one in by_heading["The period"]["facts"]}
    assert facts["Fixed in"] == f"entry {period['seq']} of the log"
    assert facts["Policy"] == f"version 2026-05, SHA-256 {'ab' * 32}"
    drawn = {one["name"]: one["value"] for one in by_heading["The sample"]["facts"]}
    assert drawn["Accesses of the period"] == "40"
    assert drawn["Seed"] == f"{audit['seed']}, of the checkpoint of {audit['log_size']} entries"
    assert drawn["Drawn by"].startswith("Alex Auditor, Auditor, 2026-07-01")
    count = len(audit["items"])
    results = column(by_heading["Results of the reviews"])
    assert results == {
        "proper": str(count - 1),
        "improper": "1",
        "unclear": "0",
        "not reviewed": "0",
    }
    items = by_heading["Each access of the sample"]["rows"]
    assert [row[1] for row in items] == [str(item["seq"]) for item in audit["items"]]
    assert (items[1][2], items[1][5], items[0][5]) == ("improper", "not closed", "")
    signed = {one["name"]: one["value"] for one in by_heading["Sign-off"]["facts"]}
    assert signed["Statement"] == STATEMENT
    assert signed["By"].startswith("Sam Supervisor, Sergeant, ")
    accesses = by_heading["Accesses by declared purpose and service"]
    assert accesses["columns"] == ["Purpose", "hotlist", "retention", "Allowed", "Refused"]
    assert accesses["rows"] == [
        ["criminal investigation", "0", "30", "30", "2"],
        ["missing person", "10", "0", "10", "0"],
        ["all", "10", "30", "40", "2"],
    ]
    assert column(by_heading["Holds, purges and releases"])["Holds placed"] == "1"
    file = await report_of(period["seq"], "/file")
    assert file.headers["content-type"].startswith("text/html")
    assert "7ABC123" not in file.text
    assert "&lt;improper&gt;" in file.text
    status, said = await verified(file.content)
    assert (status, json.loads(said.splitlines()[-1])) == (0, {"ok": True, "faults": 0})
    for true, false in CHANGES:
        assert true in file.content
        status, said = await verified(file.content.replace(true, false, 1))
        assert status == 1, false
        assert "FAULT        line " in said


@CLAUSE
async def test_a_report_says_what_the_audit_lacks(
    audited, reviewed, signed_off, sections, report_of, verified, deliver
):
    period, audit = audited
    count = len(audit["items"])
    found, _ = await sections(period["seq"])
    assert len(found["missing"]) == 2
    await reviewed(range(1, count - 1))
    found, by_heading = await sections(period["seq"])
    assert found["missing"] == [
        f"2 of {count} accesses are not reviewed: {count - 1} to {count}.",
        "The audit is not signed off.",
    ]
    assert by_heading["Each access of the sample"]["rows"][-1][2] == "NOT REVIEWED"
    file = await report_of(period["seq"], "/file")
    assert "NOT COMPLETE" in file.text
    await reviewed([count - 1, count])
    await signed_off()
    await deliver()
    assert (await report_of(period["seq"], "/file")).content == file.content, "no checkpoint has it"
    found, _ = await sections(period["seq"])
    assert found["is_complete"]
    assert (await verified(file.content))[0] == 0, "it is still what the log said then"


@CLAUSE
async def test_without_names_people_are_numbered_and_their_words_left_out(
    audited, reviewed, signed_off, sections, report_of, verified
):
    period, audit = audited
    await reviewed(range(1, len(audit["items"]) + 1))
    await signed_off()
    _, by_heading = await sections(period["seq"], "?names=false")
    assert {row[3] for row in by_heading["Each access of the sample"]["rows"]} == {"person 2"}
    file = await report_of(period["seq"], "/file?names=false")
    for text in ("Alex", "Sam", "Supervisor", "&lt;improper", OFFICER, DRAWER):
        assert text not in file.text
    assert "person 1, 2026-07" in file.text
    assert "person 3, 2026-07" in file.text
    assert (await verified(file.content))[0] == 0


@CLAUSE
async def test_each_access_and_finding_is_in_the_report_of_one_period(
    audited, reviewed, fix, sections, clock, deliver, client, auditor, periods, report_of, verified
):
    period, _ = audited
    await reviewed([2])
    listed = (await client.get("/v1/findings?kind=improper_access", headers=auditor())).json()
    path = f"/v1/findings/{listed['items'][0]['finding_id']}/closure"
    june_itself = JULY - timedelta(seconds=1)
    await deliver(an_attempt(clock, service="release", occurred_at=june_itself))
    await fix(AUGUST)
    closed = {"outcome": "misuse", "note": "Told to the chief"}
    assert (await client.post(path, json=closed, headers=auditor())).status_code == 200
    _, june = await sections(period["seq"])
    assert "improper access" not in column(june["Findings"])
    assert june["Each access of the sample"]["rows"][1][5] == "closed as misuse"
    assert "release" not in june["Accesses by declared purpose and service"]["columns"]
    later = (await periods())[0]["seq"]
    _, july = await sections(later)
    [row] = [row for row in july["Findings"]["rows"] if row[0] == "improper access"]
    assert row[1:] == ["0", "1", "0", "0", "0", "0", "1", "0"]
    accesses = july["Accesses by declared purpose and service"]
    assert accesses["rows"][-1][accesses["columns"].index("release")] == "1"
    drawn = {one["name"]: one["value"] for one in july["The sample"]["facts"]}
    assert accesses["rows"][-1][-2] == drawn["Accesses of the period"]
    facts = {one["name"]: one["value"] for one in july["The period"]["facts"]}
    assert facts["Policy"].startswith("version 2026-05"), "it was loaded before the period"
    file = await report_of(later, "/file")
    assert (await verified(file.content))[0] == 0


@CLAUSE
async def test_a_period_has_a_report_before_its_draw_and_none_before_a_checkpoint(
    deliver, clock, fix, periods, report_of, sections, signed, verified
):
    await deliver(an_attempt(clock))
    await fix(JULY, checkpoints=0)
    [period] = await periods()
    early = await report_of(period["seq"])
    assert (early.status_code, early.json()["code"]) == (409, "period_uncovered")
    assert (await report_of(period["seq"] - 1)).status_code == 404
    found, by_heading = await sections(period["seq"])
    assert found["missing"] == ["The sample is not drawn."]
    assert "Each access of the sample" not in by_heading
    file = await report_of(period["seq"], "/file")
    assert (await verified(file.content))[0] == 0
    assert (await verified(b"<p>no report</p>"))[0] == 2


@CLAUSE
async def test_a_sample_other_than_the_logs_is_said(audited, sections, tamper):
    period, _ = audited
    await sections(period["seq"])
    await tamper(
        "entries",
        "UPDATE entries SET entry = convert_to(replace(convert_from(entry, 'UTF8'),"
        " '\"population\":\"40\"', '\"population\":\"39\"'), 'UTF8') WHERE kind = 'audit.changed'",
    )
    found, _ = await sections(period["seq"])
    assert found["missing"][:1] == [
        "The sample was drawn from another number of accesses than the period has."
    ]
    await tamper(
        "entries",
        "UPDATE entries SET entry = convert_to(replace(convert_from(entry, 'UTF8'),"
        " '\"entries\":\"', '\"entries\":\"99,'), 'UTF8') WHERE kind = 'audit.changed'",
    )
    found, _ = await sections(period["seq"])
    assert found["missing"][:1] == [
        "The sample on record is not the one that the log's seed gives."
    ]


@CLAUSE
async def test_a_report_takes_a_declared_audit_and_is_recorded(
    audited, sections, report_of, runtime, bus
):
    period, _ = audited
    await sections(period["seq"])
    assert (await report_of(period["seq"], kind=None)).status_code == 403
    await runtime.relay.drain()
    bus.records.clear()
    assert (await report_of(period["seq"], "/file")).status_code == 200
    await runtime.relay.drain()
    [attempt] = bus.events(AccessAttempted)
    assert attempt.route == "/v1/audits/periods/{period_seq}/report/file"
    [shown] = bus.events(RecordsDisclosed)
    assert (shown.record_kind, shown.count) == ("audit", 1)
