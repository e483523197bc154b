"""What pages of the audit log show, whole: each value from its own field, each link to its own record."""

import httpx
import pytest

from tests.unit.console.services import HIT, OTHER_HIT, READ, page_of
from tests.unit.console.whole import at, by, paths, read

AUDITOR = ("account:self", "account:read", "purpose:declare", "audit:read", "audit:work")
AUDIT = OTHER_HIT
SUBJECT = "0199c0de-0000-7000-8000-000000005b1e"


@pytest.fixture
async def auditor(sign_in, services, show):
    """An auditor with a declared audit; the department has two more people who work on findings."""
    taken = {"purpose_id": READ, "purpose_token": "t", "expires_at": "2026-06-01T13:00:00Z"}
    show("/purposes", taken, 201, method="POST")
    bo = services.me() | {"account_id": HIT, "name": "Bo Auditor"}
    gone = services.me() | {"account_id": OTHER_HIT, "name": "Gus Gone", "status": "separated"}
    services.answers["GET /accounts"] = page_of(bo, gone)
    show(f"/accounts/{SUBJECT}", services.me() | {"account_id": SUBJECT, "name": "Sue Subject"})
    browser = await sign_in(*AUDITOR)
    await browser.open("/purpose?back=/search&opens=audit:read")
    await browser.send(
        "/purpose", kind="audit", offence_type="audit", case_number="A26-3",
        justification="quarterly audit of accesses",
    )  # fmt: skip
    return browser


STEPS = [
    {"change": "assigned", "by": by("Ann"), "at": at(2), "note": "please look", "assigned_to": HIT,
     "outcome": None},
    {"change": "commented", "by": by("Bea"), "at": at(3), "note": "asked the officer", "assigned_to": None,
     "outcome": None},
]  # fmt: skip


def a_finding(**changes):
    return {
        "finding_id": HIT, "kind": "repeated_plate_search", "subject": SUBJECT,
        "details": {"plate": "7ABC123", "count": 6, "cases": ["26-1", "26-2"], "days": 30},
        "raised_at": at(1), "status": "assigned", "assigned_to": HIT, "outcome": None, "steps": STEPS,
        **changes,
    }  # fmt: skip


async def test_the_list_of_findings(auditor, show):
    found = [
        a_finding(status="open", assigned_to=None), a_finding(finding_id=READ, subject=HIT),
        a_finding(status="closed", outcome="fault_repaired", kind="log_gap", subject="retention"),
    ]  # fmt: skip
    show("/findings", {"items": found, "next": None})
    await auditor.open("/audit/findings?show=all")
    assert auditor.content == read(f"""
        Findings Purpose: audit, audit, A26-3; until 2026-06-01 13:00:00 UTC . Declare another Show
        open: not yet assigned assigned to me assigned to anyone closed all Kind any audit not drawn
        audit overdue case number unknown case numbers stale contradicting event contradicting read copy differs device late device silence enrolled
        beside exclusive roles forged event hold owner left hold review due improper access issuer
        misused kafka disk late entries log behind log failure log gap many corrections many disclosed
        many searches not erased not logged policies differ policy not acknowledged purge overdue refused access
        released on host repeated correction repeated plate search unverified enforcement Show Raised Kind About State
        2026-05-01 08:00:00 UTC repeated plate search {SUBJECT} not assigned 2026-05-01 08:00:00 UTC
        repeated plate search Bo Auditor assigned to Bo Auditor 2026-05-01 08:00:00 UTC log gap
        retention closed: fault repaired Back to the audit
    """)
    assert auditor.leads == paths(f"""
        /purpose?back=/audit/findings
        /audit/findings
        /audit/findings/{HIT}
        /audit/findings/{READ}
        /audit/findings/{HIT}
        /audit
    """)


async def test_a_finding_that_is_worked_on(auditor, show):
    show(f"/findings/{HIT}", a_finding())
    await auditor.open(f"/audit/findings/{HIT}")
    assert auditor.content == read("""
        Finding: repeated plate search Purpose: audit, audit, A26-3; until 2026-06-01 13:00:00 UTC .
        Declare another assigned to Bo Auditor A person searched for one plate again and again, or
        for several cases. Raised 2026-05-01 08:00:00 UTC About Sue Subject Cases 26-1, 26-2 Count 6
        Days 30 Plate 7ABC123 Steps so far When Who What Note 2026-05-02 08:00:00 UTC Ann, Ann's
        title assigned to Bo Auditor please look 2026-05-03 08:00:00 UTC Bea, Bea's title commented
        asked the officer Work on it Assign Who works on it me: Ola Lindqvist Bo Auditor Note Assign
        it Comment Comment Add the comment Close Outcome Explained: what happened was right Misuse:
        a person did what they may not do Fault repaired: a part had failed, and works again False
        alarm: it did not happen Reason What you found out, and from whom or what. A closed finding
        cannot be opened again Close the finding Breach report of this account · All findings · Back
        to the audit
    """)
    assert auditor.leads == paths(f"""
        /purpose?back=/audit/findings/{HIT}
        /people/{SUBJECT}
        /audit/findings/{HIT}/assignment
        /audit/findings/{HIT}/comments
        /audit/findings/{HIT}/closure
        /audit/breach-report?account={SUBJECT}
        /audit/findings
        /audit
    """)


async def test_a_finding_that_is_closed(auditor, show):
    closing = {
        "change": "closed", "by": by("Cy"), "at": at(4), "note": "same case", "assigned_to": None,
        "outcome": "explained",
    }  # fmt: skip
    details = {"seq": 7, "verified_seq": 9, "since": at(5), "audit_id": READ}
    closed = a_finding(
        status="closed",
        outcome="explained",
        steps=[*STEPS, closing],
        subject="retention",
        details=details,
    )
    show(f"/findings/{HIT}", closed)
    await auditor.open(f"/audit/findings/{HIT}")
    assert auditor.content == read("""
        Finding: repeated plate search Purpose: audit, audit, A26-3; until 2026-06-01 13:00:00 UTC .
        Declare another closed: explained A person searched for one plate again and again, or for
        several cases. Raised 2026-05-01 08:00:00 UTC About retention Entry 7 Entry of the
        verification 9 Sampled audit this audit Since 2026-05-05 08:00:00 UTC Steps so far When Who
        What Note 2026-05-02 08:00:00 UTC Ann, Ann's title assigned to Bo Auditor please look
        2026-05-03 08:00:00 UTC Bea, Bea's title commented asked the officer 2026-05-04 08:00:00 UTC
        Cy, Cy's title closed: explained same case Work on it It is closed, and stays on record. All
        findings · Back to the audit
    """)
    assert auditor.leads == paths(f"""
        /purpose?back=/audit/findings/{HIT}
        /audit/entries/7
        /audit/entries/9
        /audit/samples/{READ}
        /audit/findings
        /audit
    """)


def an_item(number, **changes):
    return {
        "number": number, "seq": 40 + number, "outcome": "proper", "note": f"note {number}",
        "reviewed_by": by(f"Reviewer {number}"), "reviewed_at": at(10 + number), **changes,
    }  # fmt: skip


LEFT = dict.fromkeys(("outcome", "note", "reviewed_by", "reviewed_at"))


def an_audit(*items, **changes):
    return {
        "audit_id": AUDIT, "period_seq": 8, "occurred_from": at(1), "occurred_to": at(2), "log_size": 90,
        "root_hash": "cm9vdA==", "seed": "c2VlZA==", "population": 60, "drawn_by": by("Drew"),
        "drawn_at": at(3), "signed_off_by": by("Sid"), "signed_off_at": at(4),
        "statement": "all accesses had a case", "reviewed": sum(one["outcome"] is not None for one in items),
        "items": list(items), **changes,
    }  # fmt: skip


UNSIGNED = dict.fromkeys(("signed_off_by", "signed_off_at", "statement"))


def an_entry(**changes):
    return {
        "seq": 41, "event_id": HIT, "kind": "access.attempted", "occurred_at": at(20), "appended_at": at(21),
        "service": "retention", "person_id": "p-7", "person_name": "Officer Seven",
        "permission": "record:search", "allowed": False, "purpose_kind": "criminal_investigation",
        "case_number": "26-001234", "plates": ["7ABC123", "8XYZ999", "9AAA111", "1BBB222"],
        "request_id": "r-1", "leaf_hash": "ab" * 32, "entry_hash": "cd" * 32,
        "event": {"data": {"route": "/v1/reads/search", "method": "POST", "reason": "no training",
                           "purpose": {"justification": "burglary on Solano Street"}}},
        "entry": None, **changes,
    }  # fmt: skip


OTHER = an_entry(
    seq=44, kind="records.disclosed", person_name=None, person_id=None, allowed=True, permission=None,
    purpose_kind=None, case_number=None, plates=["7ABC123"],
)  # fmt: skip


async def test_the_page_of_the_audit(auditor, services, show):
    services.answers["GET /checkpoint"] = lambda _: httpx.Response(
        200,
        text="plateward.local/audit\n90\ncm9vdA==\n\n- plateward.local/audit sig\n",
        headers={"Last-Modified": "Mon, 01 Jun 2026 11:30:00 GMT"},
    )
    show("/entries/search", {"items": [an_entry(seq=94)], "next": "OTQ"}, method="POST")
    show("/findings", {"items": [a_finding(status="open", assigned_to=None)], "next": "b"})
    left = an_item(2, **LEFT)
    audits = [an_audit(an_item(1), left, audit_id=HIT, **UNSIGNED), an_audit(an_item(1))]
    show("/audits", {"items": audits, "next": "c"})
    period = {
        "seq": 12, "occurred_from": at(5), "occurred_to": at(6), "fixed_at": at(7), "drawable": True,
        "audit_id": None,
    }  # fmt: skip
    waiting = period | {"seq": 11, "drawable": False, "fixed_at": at(8)}
    show(
        "/audits/periods", {"items": [period, waiting, period | {"audit_id": AUDIT}], "next": None}
    )
    await auditor.open("/audit")
    assert auditor.content == read(f"""
        Audit Purpose: audit, audit, A26-3; until 2026-06-01 13:00:00 UTC . Declare another Search
        the log · Breach report: what an account reached · Exact figures, and the age of what people
        search for State of the log Newest checkpoint 90 entries, root cm9vdA== , of
        plateward.local/audit, signed 2026-06-01 11:30:00 UTC (30 min 0 s ago) Newest entry 94 ,
        appended 2026-05-21 08:00:00 UTC ; 5 entries are newer than the checkpoint To save and
        compare the signed checkpoint , the public keys To verify the whole chain, recompute it
        outside this page from the log or an export of it. A log cannot prove its own integrity.
        Findings not yet assigned Raised Kind About Details 2026-05-01 08:00:00 UTC repeated plate
        search {SUBJECT} cases: 26-1, 26-2; count: 6; days: 30; plate: 7ABC123 There are older
        findings too. Findings assigned to me · All findings Sampled audits Drawn Period Accesses
        State 2026-05-03 08:00:00 UTC Drew 2026-05-01 08:00:00 UTC to 2026-05-02 08:00:00 UTC 2 of
        60 1 of 2 reviewed Report 2026-05-03 08:00:00 UTC Drew 2026-05-01 08:00:00 UTC to 2026-05-02
        08:00:00 UTC 1 of 60 signed off by Sid Report Older audits Periods to draw 2026-05-05
        08:00:00 UTC to 2026-05-06 08:00:00 UTC , fixed by entry 12 at 2026-05-07 08:00:00 UTC .
        Draw the sample · Report 2026-05-05 08:00:00 UTC to 2026-05-06 08:00:00 UTC , fixed by entry
        11 at 2026-05-08 08:00:00 UTC . An auditor can draw it once two more checkpoints are signed.
        · Report The system draws the sample at random. The plan sets the periods, an entry of the log fixes each at its end,
        and the second checkpoint signed after that gives the seed. The sample is large enough to
        find 1% misuse with 95% confidence; an outsider can redraw it from an export.
    """)
    assert auditor.leads == paths(f"""
        /purpose?back=/audit
        /audit/entries
        /audit/breach-report
        /audit/figures
        /audit/entries/94
        /checkpoint
        /keys
        /audit/findings/{HIT}
        /audit/findings?show=mine
        /audit/findings?show=all
        /audit/samples/{HIT}
        /audit/periods/8/report
        /audit/samples/{AUDIT}
        /audit/periods/8/report
        /audit?after=c
        /audit/samples
        /audit/entries/12
        /audit/periods/12/report
        /audit/samples
        /audit/entries/11
        /audit/periods/11/report
    """)


async def test_a_sample_that_is_signed_off(auditor, show):
    unclear = an_item(2, outcome="unclear")
    show(f"/audits/{AUDIT}", an_audit(an_item(1), unclear, an_item(3, **LEFT)))
    await auditor.open(f"/audit/samples/{AUDIT}")
    assert auditor.content == read("""
        Sampled audit Accesses from 2026-05-01 08:00:00 UTC to 2026-05-02 08:00:00 UTC Sample 3 of
        60 accesses Drawn by Drew, Drew's title, 2026-05-03 08:00:00 UTC To redraw it seed c2VlZA==
        , of the checkpoint of 90 entries with the root cm9vdA== ; the period was fixed by entry 8
        Reviewed: 2 of 3 Access Entry Outcome Note Reviewed by access 1 41 proper note 1 Reviewer 1,
        2026-05-11 08:00:00 UTC access 2 42 unclear note 2 Reviewer 2, 2026-05-12 08:00:00 UTC
        access 3 43 not reviewed Sign-off Statement all accesses had a case By Sid, Sid's title,
        2026-05-04 08:00:00 UTC Report of this audit Back to the audit
    """)
    assert auditor.leads == paths(f"""
        /audit/entries/8
        /audit/samples/{AUDIT}/items/1
        /audit/samples/{AUDIT}/items/2
        /audit/samples/{AUDIT}/items/3
        /audit/periods/8/report
        /audit
    """)


async def test_an_access_of_a_sample_that_is_reviewed(auditor, show):
    show(f"/audits/{AUDIT}", an_audit(an_item(1), an_item(2)))
    show("/entries/41", an_entry())
    show("/entries/search", {"items": [OTHER, an_entry()], "next": None}, method="POST")
    await auditor.open(f"/audit/samples/{AUDIT}/items/1")
    assert auditor.content.partition("The whole entry")[0].strip() == read("""
        Access 1 of 2 When 2026-05-20 08:00:00 UTC , in the log since 2026-05-21 08:00:00 UTC Who
        Officer Seven ( p-7 ) What access.attempted of retention, record:search, POST
        /v1/reads/search Outcome refused : no training Purpose criminal investigation, 26-001234:
        burglary on Solano Street Plates 7ABC123, 8XYZ999, 9AAA111, 1BBB222 Leaf hash
        abababababababababababababababababababababababababababababababab Entry hash
        cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd
    """)

    assert auditor.content.partition("Other entries")[2].strip() == read("""
         of the same request No. When Who What Outcome Purpose Plates 44 2026-05-20 08:00:00 UTC no
        signed-in person records.disclosed retention allowed none 7ABC123 Review Outcome proper Note
        note 1 By Reviewer 1, Reviewer 1's title, 2026-05-11 08:00:00 UTC The next access · All of
        this audit
    """)
    assert auditor.leads == paths(f"""
        /audit/entries/44
        /audit/samples/{AUDIT}/items/2
        /audit/samples/{AUDIT}
    """)


async def test_what_a_search_of_the_log_found(auditor, show):
    show("/entries/search", {"items": [an_entry(), OTHER], "next": "NDE"}, method="POST")
    await auditor.open("/audit/entries")
    await auditor.send("/audit/entries", plate="7ABC123")
    assert auditor.content.partition("Search the log")[2].strip() == read("""
         Found: 2 entries on this page No. When Who What Outcome Purpose Plates 41 2026-05-20
        08:00:00 UTC Officer Seven access.attempted retention, record:search refused criminal
        investigation 26-001234 7ABC123, 8XYZ999, 9AAA111 and 1 more 44 2026-05-20 08:00:00 UTC no
        signed-in person records.disclosed retention allowed none 7ABC123 Older entries Back to the
        audit
    """)
    assert auditor.leads == paths("""
        /purpose?back=/audit/entries
        /audit/entries
        /audit/entries/41
        /audit/entries/44
        /audit/entries
        /audit
    """)


async def test_a_breach_report(auditor, show):
    reached = {
        "record_kind": "read",
        "record_id": READ,
        "times": 2,
        "first_at": at(3),
        "last_at": at(4),
    }
    show("/breach-reports", method="POST", body={
        "person_id": SUBJECT, "occurred_from": at(1), "occurred_to": at(2), "accesses_allowed": 1203,
        "accesses_refused": 7, "records_by_kind": {"read": 11, "hold": 1}, "plates": {"7ABC123": 2, "8XYZ999": 1},
        "client_addresses": {"192.0.2.7": 4, "192.0.2.8": 5}, "erased": 12, "truncated": True,
        "records": [reached],
    })  # fmt: skip
    await auditor.open("/audit/breach-report?by=id")
    await auditor.send(
        "/audit/breach-report", by="id", person_id=SUBJECT, occurred_from="2026-05-01T08:00",
        occurred_to="2026-05-02T08:00",
    )  # fmt: skip
    assert auditor.content.partition("Make the report")[2].strip() == read(f"""
         What {SUBJECT} reached Period 2026-05-01 08:00:00 UTC to 2026-05-02 08:00:00 UTC Accesses
        1,203 allowed, 7 refused Records hold: 1; read: 11 Plates 2, each named in the file Erased
        by purges 12 more, which the report cannot name Addresses 192.0.2.7 (4), 192.0.2.8 (5) Kind
        Record First Last Times read {READ} 2026-05-03 08:00:00 UTC 2026-05-04 08:00:00 UTC 2 These
        are the first. The file has up to 100,000, and says whether that is all. Save the report as
        a file The log keeps each report with your name and purpose. The file names plates: hand it
        to counsel alone. Back to the audit
    """)
    assert auditor.leads == paths("""
        /purpose?back=/audit/breach-report
        /audit/breach-report
        /audit/breach-report
        /audit
    """)
    await auditor.open("/audit/breach-report")
    assert "Bo Auditor, Police Officer (o.lindqvist)" in auditor.content


async def test_the_policies_in_use(auditor, show):
    given = {"role": "auditor", "by": by("Ann"), "at": at(2)}
    both = [given, {"role": "alpr_administrator", "by": by("Bo"), "at": at(3)}]
    found = [
        {"digest": "a" * 64, "version": "2026-11", "first_loaded_at": at(1), "services": ["audit", "ingest"],
         "acknowledgements": [given]},
        {"digest": "b" * 64, "version": "2026-10", "first_loaded_at": at(4), "services": [],
         "acknowledgements": both},
    ]  # fmt: skip
    show("/policies", {"items": found, "next": "Yg"})
    await auditor.open("/policies")
    assert auditor.content == read("""
        Policies in use When the department changes policy.toml, the administrator and an auditor
        each acknowledge the new policy: two people, within a day. Read the policy , and compare its
        digest with the one here. Version 2026-11 in use Digest
        aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa First loaded 2026-05-01
        08:00:00 UTC Used by audit, ingest ALPR administrator not acknowledged : a person with the
        role alpr administrator gives this word Auditor Ann, Ann's title, 2026-05-02 08:00:00 UTC
        Version 2026-10 Digest bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb
        First loaded 2026-05-04 08:00:00 UTC Used by no service any more ALPR administrator Bo, Bo's
        title, 2026-05-03 08:00:00 UTC Auditor Ann, Ann's title, 2026-05-02 08:00:00 UTC Older
        policies
    """)
    assert auditor.leads == paths("""
        /policy
        /policies?after=Yg
    """)
