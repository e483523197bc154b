"""Urgent alerts reach the department's own systems, with no plate, place or person, while no page is open."""

import asyncio
import json
from contextlib import asynccontextmanager
from datetime import timedelta
from email import message_from_string
from uuid import UUID, uuid4

import pytest
from prometheus_client import REGISTRY
from pydantic import SecretStr, ValidationError
from sqlalchemy import text

from services.hotlist.__main__ import COMMANDS
from services.hotlist.actions.announcing import announcements_of
from services.hotlist.domain.announcements import AnnouncedAlert, message_of
from services.hotlist.settings import NoticeSettings, Settings
from services.hotlist.spec import SPEC
from shared.core.errors import Unavailable
from shared.events import PassesRecorded, Place
from shared.notices.receivers import receivers_of
from shared.notices.sender import NoticeSender
from shared.service.command import status_of
from shared.testing import eventually
from tests.integration.hotlist.conftest import passed, serving
from tests.integration.receivers import receiving

pytestmark = pytest.mark.enable_socket

ANSWER_WITHIN = timedelta(seconds=Settings.model_fields["hotlist_answer_within_s"].default)
FINISH_WITHIN = timedelta(seconds=Settings.model_fields["hotlist_finish_within_s"].default)
PLACE = Place(39.93, -122.18)
CAMERA = "Main St northbound"


@pytest.fixture
async def receiver():
    async with receiving() as receiver:
        yield receiver


@pytest.fixture
def changed(settings, receiver):
    """Return settings with a webhook, changed further."""

    def make(**changes):
        values = {
            **settings.model_dump(exclude_unset=True),
            "hotlist_notice_url": receiver.url,
            "hotlist_console_url": "https://console.example.org/",
            **changes,
        }
        return Settings(**values)

    return make


@pytest.fixture
def senders(hotlist, changed):
    """Return the senders of all receivers of some settings, by name; the service itself has none."""

    def make(**changes):
        settings = changed(**changes)
        announcements = announcements_of(settings)
        receivers = receivers_of(settings.notice_addresses)
        return {one.name: NoticeSender(hotlist.runtime, announcements, one) for one in receivers}

    return make


@pytest.fixture
def sender(senders):
    return senders()["webhook"]


@pytest.fixture
async def hit(hotlist):
    """An urgent hit, just raised."""
    await hotlist.listed("7ABC123")
    await hotlist.see(hotlist.read(device_name=CAMERA, place=PLACE))
    [hit] = await hotlist.hits()
    return hit


@pytest.fixture
def stored(hotlist):
    """Count the rows of the tables of announcements."""
    tables = ("announcements", "announcement_notices", "notices")

    async def count():
        async with hotlist.runtime.db.begin() as connection:
            return [
                (await connection.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one()
                for table in tables
            ]

    return count


@pytest.fixture
def run(settings, receiver, monkeypatch, capsys):
    """Run `plateward alert-notices` with a webhook; return its exit status and output."""
    monkeypatch.setenv("DATABASE_URL", settings.database_url)
    monkeypatch.setenv("HOTLIST_NOTICE_URL", receiver.url)

    async def call(*arguments):
        status = await asyncio.to_thread(status_of, SPEC, COMMANDS, ["alert-notices", *arguments])
        printed = capsys.readouterr()
        return status, printed.out + printed.err

    return call


@asynccontextmanager
async def announcing(changed, bus, objects, clock, authority, policy):
    """A service whose webhook is set, as it runs."""
    async with serving(changed(), bus, objects, clock, authority, policy) as hotlist:
        yield hotlist


async def compare(hotlist):
    """Have the service compare hits with what it sent of them last, as it does every few seconds."""
    await hotlist.running.hit_changes.task.once()


async def acknowledge(hotlist, hit, *, acknowledged=True):
    path = f"/v1/hits/{hit['hit_id']}/acknowledgement"
    await hotlist.call("POST", path, json={"acknowledged": acknowledged})


async def verify(hotlist, hit, outcome="correct_read"):
    path = f"/v1/hits/{hit['hit_id']}/verification"
    body = {"method": "CLETS", "reference": "T26-1", "outcome": outcome}
    await hotlist.call("POST", path, json=body)


async def withdraw(hotlist, hit):
    """Switch the list of a hit off, as if its entry had ended."""
    await hotlist.call("PATCH", f"/v1/lists/{hit['list_id']}", json={"enabled": False})


async def outvote(hotlist, *reads):
    """Have the other frames of each vehicle read another plate."""
    await hotlist.handlers[PassesRecorded]([passed(hotlist, read) for read in reads])
    await compare(hotlist)


def alerts_in(receiver):
    return [alert for posted in receiver.got for alert in json.loads(posted.body)["alerts"]]


def kinds_in(receiver):
    return [alert["kind"] for alert in alerts_in(receiver)]


def gauge(name, receiver="webhook"):
    return REGISTRY.get_sample_value(name, {"receiver": receiver})


@pytest.mark.clause("468.3.1(d)/announcement")
async def test_an_urgent_alert_is_announced_once_without_plate_place_or_camera(
    hit, sender, receiver
):
    assert await sender.send() == 1
    assert await sender.send() == 0
    [posted] = receiver.got
    assert json.loads(posted.body) == {
        "alerts": [
            {
                "hit_id": hit["hit_id"],
                "kind": "raised",
                "tier": "high",
                "at": hit["raised_at"].replace("Z", "+00:00"),
                "page": f"https://console.example.org/hits/{hit['hit_id']}",
            }
        ]
    }
    assert gauge("alpr_announcements_unsent") == 0


@pytest.mark.clause("468.3.1(d)/announcement")
async def test_a_mail_about_an_alert_says_no_more(hit, senders, mailing, mail_box):
    sent = senders(
        hotlist_mail_url=SecretStr(mailing),
        hotlist_mail_from="alpr@example.org",
        hotlist_mail_to="pager@example.org",
    )
    assert await sent["mail"].send() == 1
    [mail] = mail_box.mails
    message = message_from_string(mail)
    assert message["To"] == "pager@example.org"
    assert message["Subject"] == "License plate reader system: 1 alert (raised)"
    lines = message.get_payload(decode=True).decode().splitlines()
    at = hit["raised_at"].replace("T", " ").split(".")[0].rstrip("Z")
    [notice_id] = [line.split()[1].rstrip(".") for line in lines if line.startswith("Notice")]
    assert lines == [
        f"{at} UTC  raised  high  {hit['hit_id']}",
        f"https://console.example.org/hits/{hit['hit_id']}",
        "",
        f"Notice {notice_id}. Which vehicle, and where, is in the console. An alert is a match by a machine: verify",
        "it before you act on it.",
    ]


@pytest.mark.clause("468.4(f)/announced")
async def test_only_urgent_alerts_that_are_not_late_are_announced(hotlist, sender, receiver):
    await hotlist.listed("7ABC123")
    await hotlist.listed("8LST999", kind="lost_plate")
    await hotlist.see(hotlist.read("8LST999"), hotlist.read("7ABC123", ago_s=7200))
    assert len(await hotlist.hits()) == 2
    assert await sender.send() == 0
    assert receiver.got == []


@pytest.mark.clause("468.4(f)/announced")
async def test_an_alert_is_announced_within_a_second_of_its_read(
    changed, bus, objects, clock, authority, policy, receiver
):
    async with announcing(changed, bus, objects, clock, authority, policy) as hotlist:
        await hotlist.listed("7ABC123")
        await hotlist.see(hotlist.read())
        await eventually(lambda: receiver.got, within_s=1)
        assert kinds_in(receiver) == ["raised"]


@pytest.mark.clause("468.4(f)/announced")
async def test_an_alert_that_another_replica_raised_is_announced_at_once(
    hotlist, changed, bus, objects, clock, authority, policy, receiver
):
    slow = {"hotlist_poll_s": 60}
    settings = changed(**slow)
    async with serving(settings, bus, objects, clock, authority, policy) as other:
        await other.running.notices.connected()
        await hotlist.listed("7ABC123")
        await hotlist.see(hotlist.read())
        await eventually(lambda: receiver.got)
    assert kinds_in(receiver) == ["raised"]


@pytest.mark.clause("468.4(f)/announced")
async def test_an_alert_that_no_person_takes_in_time_is_announced_again_and_again_when_given_back(
    hotlist, sender, receiver, clock
):
    await hotlist.listed("7ABC123")
    read = hotlist.read()
    await hotlist.see(read)
    [hit] = await hotlist.hits()
    await sender.send()
    clock.advance(seconds=ANSWER_WITHIN.total_seconds() - 1)
    await compare(hotlist)
    assert await sender.send() == 0
    clock.advance(seconds=1)
    for _ in range(2):
        await compare(hotlist)
        await sender.send()
    assert kinds_in(receiver) == ["raised", "unanswered"]
    assert alerts_in(receiver)[1]["at"] == clock.now().isoformat()
    await outvote(hotlist, read)
    await sender.send()
    assert kinds_in(receiver) == ["raised", "unanswered", "caution"]
    receiver.got.clear()
    await acknowledge(hotlist, hit)
    await compare(hotlist)
    await acknowledge(hotlist, hit, acknowledged=False)
    await compare(hotlist)
    await sender.send()
    assert kinds_in(receiver) == ["unanswered"]


@pytest.mark.clause("468.4(f)/announced")
async def test_an_alert_that_a_person_took_and_none_worked_in_time_is_announced_again(
    hotlist, hit, sender, receiver, clock
):
    await sender.send()
    await acknowledge(hotlist, hit)
    clock.advance(seconds=FINISH_WITHIN.total_seconds() - 1)
    await compare(hotlist)
    assert await sender.send() == 0, "a person has it"
    clock.advance(seconds=1)
    for _ in range(2):
        await compare(hotlist)
        await sender.send()
    assert kinds_in(receiver) == ["raised", "unfinished"]


@pytest.mark.clause("468.4(f)/announced")
@pytest.mark.parametrize("kind", ["stolen_vehicle", "lost_plate"])
@pytest.mark.parametrize("taken", [False, True])
async def test_a_doubt_about_an_alert_that_was_announced_or_that_a_person_took_is_announced(
    hotlist, sender, receiver, kind, taken
):
    await hotlist.listed("7ABC123", kind=kind)
    read = hotlist.read()
    await hotlist.see(read)
    [hit] = await hotlist.hits()
    await sender.send()
    first = kinds_in(receiver)
    if taken:
        await acknowledge(hotlist, hit)
    await compare(hotlist)
    assert await sender.send() == 0, "to take an alert is no doubt of it"
    for _ in range(2):
        await outvote(hotlist, read)
        await sender.send()
    is_announced = taken or kind == "stolen_vehicle"
    assert kinds_in(receiver) == first + ["caution"] * is_announced


@pytest.mark.clause("468.4(f)/announced")
async def test_a_further_doubt_is_announced_again_and_what_a_person_verified_no_more(
    hotlist, sender, receiver
):
    await hotlist.listed("7ABC123", "8XYZ999")
    read, other = hotlist.read(), hotlist.read("8XYZ999")
    await hotlist.see(read)
    await hotlist.see(other)
    by_plate = {hit["plate_read"]: hit for hit in await hotlist.hits()}
    await sender.send()
    await outvote(hotlist, read, other)
    await sender.send()
    assert kinds_in(receiver) == ["raised"] * 2 + ["caution"] * 2
    await verify(hotlist, by_plate["8XYZ999"])
    await withdraw(hotlist, by_plate["7ABC123"])
    await compare(hotlist)
    await sender.send()
    assert kinds_in(receiver) == ["raised"] * 2 + ["caution"] * 3
    assert alerts_in(receiver)[-1]["hit_id"] == by_plate["7ABC123"]["hit_id"]


@pytest.mark.clause("468.4(f)/announced")
@pytest.mark.parametrize(
    ("act", "due"),
    [
        (None, ["raised", "unanswered"]),
        ("acknowledge", ["raised"]),
        ("verify", []),
        ("dispose", []),
        ("end", ["caution"]),
    ],
)
async def test_what_a_receiver_missed_is_sent_while_it_still_calls_for_a_person(
    hotlist, hit, sender, receiver, clock, act, due
):
    receiver.status = 503
    with pytest.raises(Unavailable, match="did not accept the alerts: the receiver answers 503"):
        await sender.send()
    clock.advance(seconds=ANSWER_WITHIN.total_seconds())
    await compare(hotlist)
    if act == "acknowledge":
        await acknowledge(hotlist, hit)
    elif act == "verify":
        await verify(hotlist, hit)
    elif act == "dispose":
        path = f"/v1/hits/{hit['hit_id']}/disposition"
        await hotlist.call("POST", path, json={"result": "no_contact", "enforcement": False})
    elif act == "end":
        await withdraw(hotlist, hit)
    await compare(hotlist)
    receiver.got.clear()
    receiver.status = 204
    assert await sender.send() == len(due)
    assert sorted(kinds_in(receiver)) == due
    assert gauge("alpr_announcements_unsent") == 0


@pytest.mark.clause("468.4(f)/announced")
async def test_a_receiver_that_is_down_is_tried_each_minute(hotlist, hit, sender, receiver, clock):
    receiver.status = 503
    pauses = []
    for _ in range(7):
        with pytest.raises(Unavailable):
            await sender.send()
        async with hotlist.runtime.db.begin() as connection:
            due = (await connection.execute(text("SELECT due_at FROM notices"))).scalar_one()
        pauses.append((due - clock.now()).total_seconds())
        clock.advance(seconds=pauses[-1])
    assert pauses == [4, 8, 16, 32, 60, 60, 60]


async def test_what_a_receiver_does_not_accept_within_two_hours_is_a_dead_letter_to_replay(
    hotlist, hit, sender, receiver, clock, run
):
    await acknowledge(hotlist, hit)  # or it would be announced as unanswered, too
    receiver.status = 503
    with pytest.raises(Unavailable):
        await sender.send()
    clock.advance(hours=2)
    with pytest.raises(Unavailable):
        await sender.send()
    assert gauge("alpr_announcements_dead_lettered") == 1
    _, printed = await run("--json")
    dead = [one for one in json.loads(printed)["notices"] if one["dead_at"] is not None]
    assert [(one["items"], one["fault"]) for one in dead] == [(1, "the receiver answers 503")]
    status, printed = await run("--replay", "webhook")
    assert (status, printed) == (
        0,
        "1 dead letters of webhook are due again; hotlist sends them within seconds\n",
    )
    receiver.status = 204
    await sender.send()
    assert "raised" in kinds_in(receiver)
    assert gauge("alpr_announcements_dead_lettered") == 0
    assert (await run())[1] == "0 notices wait, 0 are dead letters\n"


async def test_announcements_and_their_notices_are_stored_for_the_hours_of_patrol(
    hotlist, hit, sender, clock, policy, stored
):
    await sender.send()
    clock.advance(hours=policy.limits.hits_without_purpose_h)
    await compare(hotlist)
    assert await stored() == [1, 1, 1]
    clock.advance(seconds=1)
    await compare(hotlist)
    assert await stored() == [0, 0, 0]


async def test_a_purge_deletes_the_announcements_of_a_hit(hotlist, hit, sender, clock, stored):
    """Even if nothing has deleted them in time."""
    await sender.send()
    clock.advance(days=400)
    await hotlist.purge(clock.now() - timedelta(days=366))
    assert (await stored())[:2] == [0, 0]


async def test_a_test_notice_says_whether_the_receiver_accepts_it(run, receiver, monkeypatch):
    assert await run("--test") == (0, "webhook  accepted the test notice\n")
    [posted] = receiver.got
    assert json.loads(posted.body) == {"alerts": [], "test": True}
    monkeypatch.delenv("HOTLIST_NOTICE_URL")
    status, printed = await run("--test")
    assert status == 2
    assert "give HOTLIST_NOTICE_URL, or HOTLIST_MAIL_URL" in printed


@pytest.mark.parametrize("setting", ["notice", "console"])
def test_a_plaintext_address_is_refused_by_name(changed, setting):
    with pytest.raises(ValidationError, match=f"HOTLIST_{setting.upper()}_URL is https://"):
        changed(**{f"hotlist_{setting}_url": "http://dispatch.example.org/hook"})


def test_a_mail_server_needs_one_recipient(changed):
    with pytest.raises(ValidationError, match="HOTLIST_MAIL_TO"):
        changed(
            hotlist_mail_url=SecretStr("smtps://mail.example.org"),
            hotlist_mail_from="alpr@example.org",
        )


def test_an_announcement_is_tried_for_two_hours():
    assert NoticeSettings.model_fields["hotlist_notice_hours"].default == 2


def test_a_notice_of_several_alerts_names_each_kind_once(clock):
    alerts = [AnnouncedAlert(uuid4(), kind, "high", clock.now()) for kind in ("raised",) * 2]
    alerts.append(AnnouncedAlert(uuid4(), "caution", "low", clock.now()))
    message = message_of(UUID(int=1), alerts, "")
    assert message.subject == "License plate reader system: 3 alerts (raised, caution)"
    assert "page" not in message.body.decode()
