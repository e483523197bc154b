"""What pages of hot lists show, whole: each value from its own field, each link to its own record."""

import httpx
import pytest

from tests.unit.console.services import HIT, OTHER_HIT, READ
from tests.unit.console.whole import OUTCOMES, at, paths, read

LIST = "0199c0de-0000-7000-8000-000000000151"
HERE = f"/hotlists/{LIST}"
MANAGER = ("account:self", "hotlist:read", "hotlist:manage")


def a_list(**changes):
    return {
        "list_id": LIST, "name": "Stolen vehicles", "agency_ori": "CA0520100", "source": "state",
        "enabled": True, "staleness_hours": 12, "record_kinds_off": ["parts"], "active_version": 3,
        "entries": 12345, "as_of": "2026-05-31T10:00:00Z", "activated_at": at(2), "stale": False,
        "created_at": at(1), "created_by": "Sgt. Lee", **changes,
    }  # fmt: skip


YIELD = OUTCOMES | {"list_id": LIST, "since": None}
LISTED = {
    "entry_id": READ, "plate": "7ABC12", "plate_listed": "7ABC1*", "partial": True, "state": "US-CA",
    "record_kind": "canvass", "reason": "a shooting", "entering_ori": "CA0520000",
    "entering_reference": "26-001234", "make": "Toyota", "model": "Corolla", "colour": "blue", "year": 2019,
    "caution": "Armed and dangerous", "valid_from": at(3), "expires_at": at(4), "entered_at": at(5),
    "entered_by": "Sgt. Lee",
}  # fmt: skip


async def test_a_hot_list_with_what_its_hits_came_to_and_its_entries(sign_in, services, show):
    show(f"/lists/{LIST}", a_list())
    show(f"/lists/{LIST}/yield", YIELD)
    services.answers[f"POST /lists/{LIST}/entries/search"] = lambda _: httpx.Response(
        200, json={"version": 3, "items": [LISTED], "next": None}
    )
    browser = await sign_in(*MANAGER)
    await browser.open(HERE)
    await browser.send(HERE)
    assert browser.content == read("""
        Stolen vehicles Source state, of CA0520100 Age 1 d 2 h, as of 2026-05-31 10:00:00 UTC ; out
        of date after 12 hours Entries 12,345 State in force , version 3, since 2026-05-02 08:00:00
        UTC Record kinds switched off parts Add an entry Upload a file Versions Feeds Settings, and
        withdrawal What its hits came to 30 days 90 days Hits 100 100 Not verified 4 4 Correct read,
        and the entry is in force 50 50 Wrong state 7 7 Misread 30 30 List out of date 6 6 Dismissed
        3 3 Enforcement action 12 12 Vehicle recovered 8 8 Arrest 9 9 Stopped and released: not the
        vehicle 2 2 No contact made 5 5 Surveillance only 1 1 Passed to another agency 10 10 Other,
        in words 11 11 A list whose hits come to nothing costs officers more than it gives: switch
        it, or some of its record kinds, off in its settings. Entries in force To see entries,
        declare a purpose first. Plate, as it is listed Leave it empty to see all entries Record
        kind any active warrant canvass felony vehicle impounded vehicle lost plate missing person
        vehicle other parts repossessed vehicle stolen plate stolen vehicle stored vehicle wanted
        person Search Plate Kind Reason Vehicle Entered Expires End 7ABC1* US-CA partial canvass
        Caution: Armed and dangerous a shooting 2019 blue Toyota Corolla 2026-05-05 08:00:00 UTC
        by Sgt. Lee CA0520000, 26-001234 2026-05-04 08:00:00 UTC End Reason for ending it End it Back to the hot
        lists
    """)
    assert browser.leads == paths(f"""
        {HERE}/new
        {HERE}/upload
        {HERE}/versions
        {HERE}/feeds
        {HERE}/settings
        /purpose?back={HERE}
        {HERE}
        {HERE}/entries/{READ}/end
        /hotlists
    """)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "in force , version 3"),
        ({"enabled": False}, "switched off"),
        ({"enabled": False, "active_version": None}, "switched off"),
        ({"active_version": None}, "not in force"),
    ],
)
async def test_a_list_says_whether_it_raises_hits(sign_in, show, changes, said):
    show("/lists", {"items": [a_list(**changes)], "next": None})
    browser = await sign_in("account:self", "hotlist:read")
    await browser.open("/hotlists")
    assert f"Stolen vehicles state 1 d 2 h 12,345 {said} This page" in browser.content
    assert browser.leads == [HERE]


def a_version(**changes):
    return {
        "list_id": LIST, "version": 4, "state": "draft", "entries": 1007, "set_aside": 2,
        "skipped": {"parts": 3}, "regions": [], "as_of": at(6), "created_at": at(7),
        "created_by": "Sgt. Lee", "sha256": "ab" * 32, "needs_second_word": False, **changes,
    }  # fmt: skip


async def test_the_versions_of_a_list(sign_in, show):
    show(f"/lists/{LIST}", a_list())
    found = [
        a_version(needs_second_word=True), a_version(version=3, state="active", set_aside=0),
        a_version(version=2, state="retired", skipped={}), a_version(version=1, state="dropped"),
    ]  # fmt: skip
    show(f"/lists/{LIST}/versions", {"items": found, "next": "MQ"})
    browser = await sign_in(*MANAGER)
    await browser.open(f"{HERE}/versions")
    assert browser.content == read("""
        Stolen vehicles: versions Version State Entries Left out Set aside As of Uploaded Put in
        force 4 draft awaits a second person 1,007 3 parts 2 2026-05-06 08:00:00 UTC 2026-05-07
        08:00:00 UTC Sgt. Lee Put in force 3 active 1,007 3 parts 0 2026-05-06 08:00:00 UTC
        2026-05-07 08:00:00 UTC Sgt. Lee 2 retired 1,007 none 2 2026-05-06 08:00:00 UTC 2026-05-07
        08:00:00 UTC Sgt. Lee Put in force 1 dropped 1,007 3 parts 2 2026-05-06 08:00:00 UTC
        2026-05-07 08:00:00 UTC Sgt. Lee Older versions Upload a file If a version loses more than
        25% of the list, a person who did not upload it must put it in force. Back to the list
    """)
    assert browser.leads == paths(f"""
        {HERE}/versions/4/set-aside
        {HERE}/versions/4/activation
        {HERE}/versions/2/set-aside
        {HERE}/versions/2/activation
        {HERE}/versions?after=MQ
        {HERE}/upload
        {HERE}
    """)


CHANGES = {
    "version": 4, "in_force": 3, "added": 1005, "removed": 2, "unchanged": 7, "needs_second_word": True,
    "yours": False, "as_of": at(8), "older": True,
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "may"),
    [({}, True), ({"yours": True}, False), ({"yours": True, "needs_second_word": False}, True)],
)
async def test_the_second_word_is_asked_of_another_person_where_one_is_needed(
    sign_in, show, changes, may
):
    show(f"/lists/{LIST}", a_list())
    show(f"/lists/{LIST}/versions/4/changes", CHANGES | changes)
    browser = await sign_in(*MANAGER)
    await browser.open(f"{HERE}/versions/4/activation")
    assert (f"{HERE}/versions/4/activation" in browser.leads) is may
    assert ("so another person puts it in force" in browser.content) is not may


async def test_the_page_of_an_activation(sign_in, show):
    show(f"/lists/{LIST}", a_list())
    show(f"/lists/{LIST}/versions/4/changes", CHANGES)
    browser = await sign_in(*MANAGER)
    await browser.open(f"{HERE}/versions/4/activation")
    assert browser.content == read("""
        Stolen vehicles: put version 4 in force It replaces version 3, which is in force now.
        Cameras raise hits by it at once. Time of the extract 2026-05-08 08:00:00 UTC Entries added
        1,005 Entries removed 2 no longer raise hits Entries kept 7 Entries then 1,012 It loses more
        than 25% of the list, as a truncated file would, so a person who did not upload it must put
        it in force. Its extract is older than the one in force: vehicles recovered since then raise
        hits again, and ones stolen since then do not. Why an older extract replaces a newer one Put
        version 4 in force Back to the versions
    """)
    assert browser.leads == paths(f"""
        {HERE}/versions/4/activation
        {HERE}/versions
    """)


async def test_what_an_upload_made(sign_in, services, show):
    show(f"/lists/{LIST}", a_list())
    made = a_version(
        regions=[{"region": "US-NV", "taken_from": "NV"}], skipped={"parts": 3, "other": 4}
    )
    services.answers[f"POST /lists/{LIST}/versions"] = lambda _: httpx.Response(201, json=made)
    browser = await sign_in(*MANAGER)
    await browser.open(f"{HERE}/upload")
    browser.page = await browser.http.post(
        f"{HERE}/upload",
        data={"form_token": browser.token()},
        files={"file": ("list.csv", "plate,record_kind\r\n7ABC123,canvass\r\n", "text/csv")},
        headers={"Origin": browser.origin},
    )
    assert browser.content == read("""
        Stolen vehicles: version 4 is stored It is not in force yet. See what it changes, and put it
        in force Lines 1,016 Entries 1,007 Set aside 2 , 0.20% of the lines; the policy permits up
        to 5.0% Left out 4 other, 3 parts: import of the kind is switched off States read NV as
        US-NV SHA-256 abababababababababababababababababababababababababababababababab The versions
        of the list
    """)
    assert browser.leads == paths(f"""
        {HERE}/versions/4/activation
        {HERE}/versions/4/set-aside
        {HERE}/versions
    """)


@pytest.mark.parametrize("has_layout", [True, False])
async def test_the_form_for_a_file_asks_for_what_the_list_reads(sign_in, show, has_layout):
    show(f"/lists/{LIST}", a_list(has_layout=has_layout))
    browser = await sign_in(*MANAGER)
    await browser.open(f"{HERE}/upload")
    assert ("CSV in UTF-8 with a header row" in browser.content) is not has_layout
    assert ("What a line contains" in browser.content) is not has_layout
    assert ("As its source writes it" in browser.content) is has_layout
    assert ('accept=".csv' in browser.page.text) is not has_layout
    await browser.open(HERE)
    assert ("Files as the source writes them" in browser.content) is has_layout


async def test_the_lines_that_were_set_aside(sign_in, show):
    show(f"/lists/{LIST}", a_list())
    line = {
        "line": 102,
        "column": 2,
        "field": "state",
        "fault": "no such state",
        "content": "2BBB222,ZZ",
    }
    show(f"/lists/{LIST}/versions/4/set-aside", {"items": [line], "next": "MTAy"})
    browser = await sign_in(*MANAGER)
    await browser.open(f"{HERE}/versions/4/set-aside")
    assert browser.content == read("""
        Stolen vehicles, version 4: lines set aside These lines of the upload are not in force. Ask
        the source to correct them, and upload the list again. Download all of them Line Column
        Fault Content 102 2 state no such state 2BBB222,ZZ More lines Back to the versions
    """)
    assert browser.leads == paths(f"""
        {HERE}/versions/4/set-aside.csv
        {HERE}/versions/4/set-aside?after=MTAy
        {HERE}/versions
    """)


def a_feed(**changes):
    return {
        "feed_id": READ, "list_id": LIST, "name": "SVS by SFTP", "issued_at": at(1), "issued_by": "Sgt. Lee",
        "expires_at": "2026-08-09T08:00:00Z", "revoked_at": None, "ended": False,
        "last_delivered_at": "2026-06-01T10:30:00Z", **changes,
    }  # fmt: skip


async def test_the_feeds_of_a_list_and_a_credential_once(sign_in, services, show):
    show(f"/lists/{LIST}", a_list(active_version=None))
    found = [
        a_feed(), a_feed(feed_id=HIT, name="New", last_delivered_at=None),
        a_feed(feed_id=OTHER_HIT, name="Old", ended=True),
        a_feed(feed_id=OTHER_HIT, name="Stolen", ended=True, revoked_at=at(9)),
    ]  # fmt: skip
    show(f"/lists/{LIST}/feeds", {"items": found, "next": "b"})
    browser = await sign_in(*MANAGER)
    await browser.open(f"{HERE}/feeds")
    assert browser.content == read("""
        Stolen vehicles: feeds A feed is the credential of a machine that delivers the files of this
        list. It refreshes the list while a version is in force, and can do nothing else. Name Last
        delivery Ends Issued Revoke SVS by SFTP 1 h 30 min ago 2026-08-09 08:00:00 UTC 2026-05-01
        08:00:00 UTC Sgt. Lee Revoke Reason for revoking it Revoke it New none yet 2026-08-09
        08:00:00 UTC 2026-05-01 08:00:00 UTC Sgt. Lee Revoke Reason for revoking it Revoke it Old 1
        h 30 min ago 2026-08-09 08:00:00 UTC ended 2026-05-01 08:00:00 UTC Sgt. Lee Stolen 1 h 30
        min ago revoked 2026-05-09 08:00:00 UTC 2026-05-01 08:00:00 UTC Sgt. Lee Older feeds Issue a
        feed Name What delivers the files, for example SVS by SFTP Ends (UTC) Within 366 days; issue
        the next before this one ends Issue, and show the credential Back to the list
    """)
    assert browser.leads == paths(f"""
        {HERE}/feeds/{READ}/revocation
        {HERE}/feeds/{HIT}/revocation
        {HERE}/feeds?after=b
        {HERE}/feeds
        {HERE}
    """)
    services.answers[f"POST /lists/{LIST}/feeds"] = lambda _: httpx.Response(
        201, json={"feed": a_feed(), "credential": "c" * 43}
    )
    await browser.send(f"{HERE}/feeds", name="SVS by SFTP", expires_at="2026-08-09T08:00")
    assert browser.content == read("""
        SVS by SFTP: its credential Copy the credential into a file that its job alone reads, now:
        you see it only once. If it is lost, issue another feed and revoke this one. List Stolen
        vehicles Ends 2026-08-09 08:00:00 UTC Credential ccccccccccccccccccccccccccccccccccccccccccc
        No version of the list is in force. Upload the first file and put it in force: a feed
        refreshes a list that is in force, and no other. This command delivers each complete file of
        a folder; let cron run it: plateward feed --inbox /srv/extracts --credential-file
        /etc/alpr/feed --url https://your-plateward/hotlist The feeds of the list
    """)
    assert browser.leads == [f"{HERE}/feeds"]
