"""Audit notifies the department of findings by webhook and mail, until each receiver has them."""

import asyncio
import json
from base64 import b64decode, b64encode
from datetime import UTC, datetime, timedelta
from email import message_from_string
from urllib.parse import quote
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from prometheus_client import REGISTRY
from pydantic import SecretStr, ValidationError
from sqlalchemy import text

from services.audit.__main__ import COMMANDS
from services.audit.actions.notices import notices_of
from services.audit.domain.findings import a_finding
from services.audit.domain.notices import message_of
from services.audit.settings import Settings
from services.audit.spec import SPEC
from services.audit.store.findings import Findings
from services.audit.store.notices import FINDINGS
from shared.core.errors import Unavailable
from shared.mail.sending import TIMEOUT_S
from shared.notices.receivers import WHOLE_TIMEOUT_S, Mailbox, Webhook, receivers_of
from shared.notices.sender import NoticeSender
from shared.notices.signing import signed_headers
from shared.notices.store import Notices
from shared.postgres.database import Database
from shared.service.command import status_of
from tests.integration.migrating import made_anew, moved_to
from tests.integration.receivers import receiving

pytestmark = pytest.mark.enable_socket

PLATE = "7NOT123"
PERSON = "person 7"
KEY, FORMER_KEY = bytes(range(32)), bytes(range(32, 64))
AWAY = "http://127.0.0.1:9/hook"
MAILED_TO = "it@example.org"


@pytest.fixture
async def receiver():
    async with receiving() as receiver:
        yield receiver


@pytest.fixture
def changed(audit_settings, receiver):
    """Return settings with a webhook, changed further."""

    def make(**changes):
        values = {
            **audit_settings.model_dump(exclude_unset=True),
            "audit_notice_url": receiver.url,
            "audit_console_url": "https://console.example.org",
            **changes,
        }
        return Settings(**values)

    return make


@pytest.fixture
def senders(app, runtime, changed):
    """Return the senders of all receivers of some settings, by name."""

    def make(**changes):
        settings = changed(**changes)
        notices = notices_of(settings)
        receivers = receivers_of(settings.notice_addresses)
        return {one.name: NoticeSender(runtime, notices, one) for one in receivers}

    return make


@pytest.fixture
def sender(senders):
    return senders(audit_notice_token=SecretStr("drawn-for-the-test"))["webhook"]


@pytest.fixture
def mailed(senders, mailing):
    """Return the senders of a webhook and of mail."""
    url = SecretStr(mailing)
    return senders(audit_mail_url=url, audit_mail_from="alpr@example.org", audit_mail_to=MAILED_TO)


@pytest.fixture
def find(runtime, clock):
    async def raised(kind="refused_access", subject=PERSON):
        async with runtime.db.begin() as connection:
            finding = a_finding(kind, subject, clock.now(), clock.now(), plate=PLATE)
            await Findings(connection, "audit").raise_once(finding)
        return str(finding.finding_id)

    return raised


@pytest.fixture
def run(settings, receiver, monkeypatch, capsys):
    """Run `plateward notices` with a webhook; return its exit status and output."""
    monkeypatch.setenv("DATABASE_URL", settings.database_url)
    monkeypatch.setenv("AUDIT_NOTICE_URL", receiver.url)

    async def call(*arguments):
        status = await asyncio.to_thread(status_of, SPEC, COMMANDS, ["notices", *arguments])
        printed = capsys.readouterr()
        return status, printed.out + printed.err

    return call


def findings_in(posted):
    return json.loads(posted.body)["findings"]


def gauge(name, receiver="webhook"):
    return REGISTRY.get_sample_value(name, {"receiver": receiver})


async def fails_for(sender, clock, duration):
    """Let a sender run each quarter of an hour for a time in which its receiver accepts nothing."""
    until = clock.now() + duration
    while clock.now() < until:
        with pytest.raises(Unavailable):
            await sender.send()
        clock.advance(minutes=15)


@pytest.mark.clause("468.3.1(c)/notice")
async def test_findings_are_sent_once_without_the_person_or_plate_they_concern(
    find, sender, receiver, clock
):
    found = []
    for kind in ("refused_access", "log_failure"):
        clock.advance(minutes=1)
        at = clock.now().isoformat()
        found.append({"finding_id": await find(kind), "kind": kind, "raised_at": at})
    assert await sender.send() == 2
    assert await sender.send() == 0
    [posted] = receiver.got
    assert posted.headers["authorization"] == "Bearer drawn-for-the-test"
    assert posted.headers["content-type"] == "application/json"
    body = json.loads(posted.body)
    assert body == {"findings": found, "console": "https://console.example.org/audit"}
    assert PLATE.encode() not in posted.body
    assert PERSON.encode() not in posted.body
    assert gauge("alpr_findings_unsent") == 0


@pytest.mark.clause("468.3.1(c)/notice")
async def test_a_notice_is_resent_with_its_id_and_content_until_the_receiver_accepts_it(
    find, sender, receiver, clock
):
    finding = await find("log_failure")
    receiver.status = 500
    with pytest.raises(Unavailable, match="500"):
        await sender.send()
    assert await sender.send() == 0, "not again at once"
    assert gauge("alpr_findings_unsent") == 1
    receiver.status = 204
    await find("log_gap")
    clock.advance(minutes=15)
    assert await sender.send() == 2
    first, second, _ = receiver.got
    assert findings_in(first)[0]["finding_id"] == finding
    assert first.body == second.body, "what was found later has a notice of its own"
    ids = [posted.headers["webhook-id"] for posted in receiver.got]
    assert ids[0] == ids[1] != ids[2]
    assert first.headers["webhook-timestamp"] != second.headers["webhook-timestamp"]
    assert await sender.send() == 0


@pytest.mark.clause("468.3.1(c)/notice")
async def test_the_pause_between_attempts_grows_to_a_quarter_of_an_hour(
    find, sender, receiver, clock, query
):
    await find()
    receiver.status = 503
    pauses = []
    for _ in range(10):
        with pytest.raises(Unavailable):
            await sender.send()
        [(due,)] = await query("SELECT due_at FROM notices")
        pauses.append((due - clock.now()).total_seconds())
        clock.advance(seconds=pauses[-1])
    assert pauses == [4, 8, 16, 32, 64, 128, 256, 512, 900, 900]


@pytest.mark.clause("468.3.1(c)/notice")
async def test_a_receiver_that_is_away_loses_no_finding(find, senders, sender, clock):
    await find()
    with pytest.raises(Unavailable, match="ConnectError"):
        await senders(audit_notice_url=AWAY)["webhook"].send()
    clock.advance(minutes=15)
    assert await sender.send() == 1


@pytest.mark.clause("468.3.1(c)/notice")
async def test_a_receiver_that_accepts_nothing_is_tried_once_in_a_run(
    find, sender, receiver, clock
):
    receiver.status = 503
    for kind in ("log_failure", "log_gap"):
        await find(kind)
        with pytest.raises(Unavailable):
            await sender.send()
    clock.advance(minutes=15)
    with pytest.raises(Unavailable):
        await sender.send()
    assert len(receiver.got) == 3, "though two notices are due"


@pytest.mark.clause("468.3.1(c)/notice")
async def test_a_dead_webhook_does_not_hold_up_mail(find, mailed, mail_box, receiver, clock):
    finding = await find()
    receiver.status = 0
    with pytest.raises(Unavailable, match="webhook"):
        await mailed["webhook"].send()
    assert await mailed["mail"].send() == 1
    assert await mailed["mail"].send() == 0
    assert (gauge("alpr_findings_unsent"), gauge("alpr_findings_unsent", "mail")) == (1, 0)
    [mail] = mail_box.mails
    message = message_from_string(mail)
    assert (message["To"], message["From"]) == (MAILED_TO, "alpr@example.org")
    assert message["Subject"] == "License plate reader system: 1 finding (refused_access)"
    content = message.get_payload(decode=True).decode()
    assert f"{clock.now():%Y-%m-%d %H:%M:%S} UTC  refused_access  {finding}" in content
    assert "https://console.example.org/audit" in content
    assert PLATE not in mail
    assert PERSON not in mail
    assert not any("RCPT" in line.upper() for line in mail_box.in_the_clear)


@pytest.mark.clause("468.3.1(c)/notice")
@pytest.mark.parametrize(("password", "reply"), [("p@ss", None), ("p@ssed", "535"), (None, "530")])
async def test_mail_is_sent_with_the_login_of_its_address_and_never_in_the_clear(
    find, senders, mailing, mail_box, password, reply
):
    mail_box.login = ("alpr", "p@ss")
    person = "" if password is None else f"alpr:{quote(password, safe='')}@"
    url = SecretStr(mailing.replace("://", f"://{person}"))
    told = {"audit_mail_from": "alpr@example.org", "audit_mail_to": MAILED_TO}
    mail = senders(audit_mail_url=url, **told)["mail"]
    await find()
    if reply is None:
        assert await mail.send() == 1
    else:
        with pytest.raises(Unavailable, match=f"mail server answers {reply}"):
            await mail.send()
    assert len(mail_box.mails) == (reply is None)
    assert not any("AUTH" in line.upper() for line in mail_box.in_the_clear)


@pytest.mark.clause("468.3.1(c)/notice")
@pytest.mark.parametrize("mailing", ["smtps"], indirect=True)
async def test_a_refused_mail_is_resent_as_the_same_mail_and_does_not_hold_up_the_webhook(
    find, mailed, mail_box, receiver, clock, query
):
    await find()
    mail_box.refuses = "451 try later"
    with pytest.raises(Unavailable, match="mail server answers 451"):
        await mailed["mail"].send()
    assert await mailed["webhook"].send() == 1
    mail_box.refuses = ""
    clock.advance(minutes=15)
    assert await mailed["mail"].send() == 1
    [mail] = mail_box.mails
    [(notice_id,)] = await query("SELECT notice_id FROM notices WHERE receiver = 'mail'")
    assert message_from_string(mail)["Message-ID"] == f"<{notice_id}@example.org>"


@pytest.mark.clause("468.3.1(c)/signed-notice")
async def test_a_notice_is_signed_by_each_key_over_its_id_time_and_body(
    find, senders, receiver, clock
):
    both = " ".join(b64encode(key).decode() for key in (KEY, FORMER_KEY))
    await find()
    await senders(audit_notice_secret=SecretStr(both))["webhook"].send()
    [posted] = receiver.got
    headers = posted.headers
    assert headers["webhook-timestamp"] == str(int(clock.now().timestamp()))
    signatures = headers["webhook-signature"].split()
    assert len(signatures) == 2
    for key, signature in zip((KEY, FORMER_KEY), signatures, strict=True):
        version, _, digest = signature.partition(",")
        expected = HMAC(key, SHA256())
        expected.update(f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode())
        expected.update(posted.body)
        expected.verify(b64decode(digest))
        assert version == "v1"


@pytest.mark.clause("468.3.1(c)/signed-notice")
def test_the_signature_is_that_of_the_published_example():
    """The example of the specification's own libraries."""
    key = b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    at = datetime.fromtimestamp(1614265330, UTC)
    headers = signed_headers("msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}', at, [key])
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.clause("468.3.1(c)/dead-notice")
async def test_an_undelivered_notice_becomes_a_dead_letter_that_is_counted_listed_and_replayed(
    find, senders, receiver, clock, run
):
    finding, sender = await find(), senders(audit_notice_hours=3)["webhook"]
    receiver.status = 503
    await fails_for(sender, clock, timedelta(hours=3))
    assert (gauge("alpr_findings_unsent"), gauge("alpr_findings_dead_lettered")) == (1, 0)
    with pytest.raises(Unavailable):
        await sender.send()
    assert (gauge("alpr_findings_unsent"), gauge("alpr_findings_dead_lettered")) == (0, 1)
    clock.advance(days=30)
    attempts = len(receiver.got)
    assert await sender.send() == 0
    assert len(receiver.got) == attempts, "no further attempt"
    status, printed = await run()
    assert status == 0
    notice_id = receiver.got[0].headers["webhook-id"]
    assert f"dead  2026-06-01T12:00Z  {notice_id}  1 findings" in printed
    assert "the receiver answers 503" in printed
    assert "0 notices wait, 1 are dead letters" in printed
    status, printed = await run("--replay", "webhook", "--json")
    assert (status, json.loads(printed)) == (0, {"receiver": "webhook", "replayed": 1})
    with pytest.raises(Unavailable):
        await sender.send()
    assert (gauge("alpr_findings_unsent"), gauge("alpr_findings_dead_lettered")) == (1, 0)
    receiver.status = 204
    clock.advance(minutes=1)
    assert await sender.send() == 1
    assert findings_in(receiver.got[-1])[0]["finding_id"] == finding
    assert receiver.got[-1].headers["webhook-id"] == notice_id
    assert gauge("alpr_findings_dead_lettered") == 0
    _, printed = await run("--json")
    assert json.loads(printed) == {"notices": []}


@pytest.mark.clause("468.3.1(c)/dead-notice")
async def test_a_refused_notice_is_a_dead_letter_after_five_attempts(find, sender, receiver, clock):
    await find()
    receiver.status = 404
    for _ in range(4):
        with pytest.raises(Unavailable):
            await sender.send()
        clock.advance(minutes=1)
    assert (gauge("alpr_findings_unsent"), gauge("alpr_findings_dead_lettered")) == (1, 0)
    with pytest.raises(Unavailable):
        await sender.send()
    assert (gauge("alpr_findings_unsent"), gauge("alpr_findings_dead_lettered")) == (0, 1)


@pytest.mark.clause("468.3.1(c)/dead-notice")
async def test_a_refusal_after_many_attempts_without_an_answer_is_the_first_of_five(
    find, sender, receiver, clock, run
):
    await find()
    receiver.status = 503
    await fails_for(sender, clock, timedelta(hours=2))
    receiver.status = 404
    await fails_for(sender, clock, timedelta(hours=1))
    assert (gauge("alpr_findings_unsent"), gauge("alpr_findings_dead_lettered")) == (1, 0)
    await fails_for(sender, clock, timedelta(minutes=15))
    assert (gauge("alpr_findings_unsent"), gauge("alpr_findings_dead_lettered")) == (0, 1)
    assert (await run("--replay", "webhook"))[1].startswith("1 dead letters")
    await fails_for(sender, clock, timedelta(hours=1))
    receiver.status = 204
    assert await sender.send() == 1, "a replayed notice has its refusals before it again"


@pytest.mark.clause("468.3.1(c)/dead-notice")
async def test_an_answer_below_500_refuses_for_good_unless_it_asks_to_try_later(changed, receiver):
    [webhook] = receivers_of(changed().notice_addresses)
    message = message_of(UUID(int=1), (), "")
    refused = {}
    for status in (301, 401, 404, 408, 410, 429, 500, 503):
        receiver.status = status
        fault = await webhook.deliver(message, datetime.now(UTC))
        refused[status] = fault.refused
    assert {status for status, for_good in refused.items() if for_good} == {301, 401, 404, 410}
    receiver.status = 202
    assert await webhook.deliver(message, datetime.now(UTC)) is None


@pytest.mark.clause("468.3.1(c)/dead-notice")
@pytest.mark.parametrize("mailing", ["smtps"], indirect=True)
async def test_a_mail_that_is_refused_for_good_is_a_dead_letter_of_mail_alone(
    find, mailed, mail_box, clock, receiver, run
):
    await find()
    mail_box.refuses = "550 no such person"
    for _ in range(5):
        with pytest.raises(Unavailable, match="550"):
            await mailed["mail"].send()
        clock.advance(minutes=1)
    assert await mailed["mail"].send() == 0
    assert await mailed["webhook"].send() == 1
    assert gauge("alpr_findings_dead_lettered", "mail") == 1
    assert gauge("alpr_findings_dead_lettered", "webhook") == 0
    assert (await run("--replay", "webhook"))[1].startswith("0 dead letters")
    assert (await run("--replay", "mail"))[1].startswith("1 dead letters")
    mail_box.refuses = ""
    assert await mailed["mail"].send() == 1


@pytest.mark.clause("468.3.1(c)/dead-notice")
@pytest.mark.parametrize("first", ["sent", "dead"])
async def test_a_notice_that_one_of_two_processes_delivered_is_no_dead_letter(
    find, runtime, clock, run, first
):
    """A slow attempt outlasts its lease, so that another process gives the notice up meanwhile."""
    await find()
    async with runtime.db.begin() as connection:
        notices, now = Notices(connection, FINDINGS), clock.now()
        await notices.gather("webhook", UUID(int=7), now, 100)
        if first == "sent":
            await notices.sent(UUID(int=7), now)
        await notices.dead(UUID(int=7), now=now, fault="the receiver answers 503")
        if first == "dead":
            await notices.sent(UUID(int=7), now)
    assert (await run("--replay", "webhook"))[1].startswith("0 dead letters")


async def test_what_a_dead_letter_was_about_needs_no_notice_once_its_finding_is_closed(
    find, sender, receiver, clock, query, run
):
    await find()
    receiver.status = 404
    for _ in range(5):
        with pytest.raises(Unavailable):
            await sender.send()
        clock.advance(minutes=1)
    assert gauge("alpr_findings_dead_lettered") == 1
    await query("UPDATE findings SET status = 'closed' RETURNING 1")
    assert await sender.send() == 0
    assert gauge("alpr_findings_dead_lettered") == 0
    assert "0 are dead letters" in (await run())[1]
    assert (await run("--replay", "webhook"))[1].startswith("0 dead letters")
    assert [row.dead_at is not None for row in await query("SELECT dead_at FROM notices")] == [True]


async def test_a_closed_finding_is_not_sent(find, sender, receiver, clock, query):
    await find()
    receiver.status = 500
    with pytest.raises(Unavailable):
        await sender.send()
    await find("log_gap")
    await query("UPDATE findings SET status = 'closed' RETURNING 1")
    clock.advance(minutes=15)
    assert await sender.send() == 0
    assert len(receiver.got) == 1


async def test_a_finding_that_is_closed_before_its_notice_is_in_no_notice_of_others(
    find, sender, receiver, query
):
    closed = await find()
    await query(
        "UPDATE findings SET status = 'closed' WHERE finding_id = :one RETURNING 1", one=closed
    )
    unclosed = await find("log_gap")
    assert await sender.send() == 1
    [posted] = receiver.got
    assert [one["finding_id"] for one in findings_in(posted)] == [unclosed]


async def test_two_replicas_send_each_finding_once(find, sender, receiver):
    for n in range(3):
        await find(subject=f"person {n}")
    counts = await asyncio.gather(sender.send(), sender.send())
    assert sum(counts) == 3
    assert sum(len(findings_in(posted)) for posted in receiver.got) == 3


async def test_a_notice_holds_at_most_a_hundred_findings(runtime, sender, receiver, clock):
    found = [a_finding("log_gap", str(n), clock.now(), n) for n in range(120)]
    async with runtime.db.begin() as connection:
        await Findings(connection, "audit").raise_all(found)
    assert await sender.send() == 100
    assert await sender.send() == 20
    sent = [one["finding_id"] for posted in receiver.got for one in findings_in(posted)]
    assert sorted(sent) == sorted(str(one.finding_id) for one in found)


def test_an_attempt_ends_before_another_process_makes_the_next():
    mail_s = 10 * TIMEOUT_S  # greeting, names, TLS, login, sender, recipient, text
    assert timedelta(seconds=WHOLE_TIMEOUT_S) < Webhook.lease
    assert timedelta(seconds=mail_s) < Mailbox.lease


async def test_after_a_crash_in_an_attempt_the_notice_is_sent_again_under_its_id(
    find, runtime, sender, receiver, clock
):
    await find()
    async with runtime.db.begin() as connection:
        notices, now = Notices(connection, FINDINGS), clock.now()
        await notices.gather("webhook", UUID(int=7), now, 100)
        assert await notices.claim("webhook", now, now + Webhook.lease) is not None
    assert await sender.send() == 0, "another process is making an attempt"
    clock.advance(seconds=Webhook.lease.total_seconds())
    assert await sender.send() == 1
    assert receiver.got[0].headers["webhook-id"] == str(UUID(int=7))


@pytest.mark.parametrize("mailing", ["smtps"], indirect=True)
async def test_a_receiver_that_is_set_later_gets_the_findings_that_are_open(
    find, sender, mailed, mail_box
):
    await find()
    assert await sender.send() == 1
    assert await mailed["mail"].send() == 1
    assert len(mail_box.mails) == 1


async def test_a_test_notice_says_whether_a_receiver_accepts_it(run, receiver, monkeypatch):
    status, printed = await run("--test")
    assert (status, printed) == (0, "webhook  accepted the test notice\n")
    [posted] = receiver.got
    assert json.loads(posted.body) == {"findings": [], "test": True}
    receiver.status = 403
    assert await run("--test") == (1, "webhook  the receiver answers 403\n")
    monkeypatch.delenv("AUDIT_NOTICE_URL")
    status, printed = await run("--test")
    assert status == 2
    assert "give AUDIT_NOTICE_URL, or AUDIT_MAIL_URL" in printed


@pytest.mark.parametrize("mailing", ["smtps"], indirect=True)
async def test_a_test_notice_goes_by_mail_too(run, mailing, mail_box, monkeypatch):
    monkeypatch.setenv("AUDIT_MAIL_URL", mailing)
    monkeypatch.setenv("AUDIT_MAIL_FROM", "alpr@example.org")
    monkeypatch.setenv("AUDIT_MAIL_TO", MAILED_TO)
    status, printed = await run("--test", "--json")
    assert (status, json.loads(printed)) == (0, {"receivers": {"webhook": None, "mail": None}})
    [mail] = mail_box.mails
    assert message_from_string(mail)["Subject"] == "License plate reader system: a test notice"


@pytest.mark.parametrize("setting", ["notice", "heartbeat", "console"])
def test_a_plaintext_address_is_refused_by_name(changed, setting):
    for url in ("http://hooks.example/x", "ftp://127.0.0.1/x", "hooks.example"):
        with pytest.raises(ValidationError, match=f"AUDIT_{setting.upper()}_URL is https://"):
            changed(**{f"audit_{setting}_url": url})


def test_a_mail_server_needs_a_sender_and_one_recipient(changed):
    url = SecretStr("smtps://mail.example.org")
    with pytest.raises(ValidationError, match="AUDIT_MAIL_FROM"):
        changed(audit_mail_url=url, audit_mail_to=MAILED_TO)
    for to in ("", "it", "it@example.org, chief@example.org"):
        with pytest.raises(ValidationError, match="AUDIT_MAIL_TO"):
            changed(audit_mail_url=url, audit_mail_from="alpr@example.org", audit_mail_to=to)


async def test_an_upgrade_keeps_what_was_delivered_and_what_waits(database_url, repository):
    migrations = repository / "services/audit/migrations"
    db = Database(database_url, "audit")
    add = text(
        """
        WITH f AS (INSERT INTO findings (finding_id, kind, subject, details, captured_on, raised_at, status)
            VALUES (gen_random_uuid(), 'log_gap', 'x', '{}', now(), now(), 'open') RETURNING finding_id)
        INSERT INTO finding_notices (finding_id, attempts, due_at, sent_at, fault)
        SELECT finding_id, :attempts, now(), CASE WHEN :sent THEN now() END, :fault FROM f
        """
    )
    async with db.begin() as connection:
        await made_anew(connection, "audit", migrations, "audit_0019")
        await connection.execute(add, {"attempts": 1, "sent": True, "fault": None})
        await connection.execute(add, {"attempts": 3, "sent": False, "fault": "ConnectError"})
        await connection.run_sync(moved_to, migrations, "head")
    async with db.begin() as connection:
        notices = Notices(connection, FINDINGS)
        assert (await notices.counts("webhook")).waiting == 1
        [waiting] = await notices.undelivered()
        assert (waiting.receiver, waiting.attempts, waiting.fault) == ("webhook", 3, "ConnectError")
        now = datetime.now(UTC) + timedelta(minutes=1)
        claimed = await notices.claim("webhook", now, now)
        assert claimed is not None
        [finding] = claimed.items
        assert (finding.kind, claimed.notice_id) == ("log_gap", finding.finding_id)
        assert await notices.claim("webhook", now - timedelta(days=1), now) is None
    await db.close()
