"""What pages of people, cameras and figures show, whole: each value from its own field, each link to its own record."""

import pytest

from tests.unit.console.services import HIT, OTHER_HIT, READ, a_camera, page_of
from tests.unit.console.whole import at, paths, read

MANAGER = (
    "account:self", "account:read", "account:manage", "account:deliver", "training:record",
    "device:read", "device:manage",
)  # fmt: skip
HERE = f"/people/{HIT}"


@pytest.fixture
def person(services):
    """An investigator, with a time of its own for each field."""
    return services.me() | {
        "account_id": HIT, "username": "i.vega", "name": "Ida Vega", "title": "Detective",
        "roles": ["investigator", "officer"], "held_roles": ["alpr_administrator", "investigator", "officer"],
        "sources": ["state", "federal"], "trained_until": at(1), "sign_in_locked_at": at(2),
        "last_active_at": at(3), "reviewed_at": at(4), "created_at": at(5),
    }  # fmt: skip


@pytest.fixture
async def manager(sign_in, services, person, show):
    proposal = {
        "account_id": HIT, "username": "i.vega", "name": "Ida Vega", "title": "Detective",
        "proposed_by": "Ada Min", "proposed_at": at(6), "reason": "lost the telephone", "expires_at": at(7),
        "yours": False,
    }  # fmt: skip
    lift = {
        "case_number": "26-001234", "reason": "a long case", "lifted_at": at(8), "until": at(9),
        "lift_id": READ, "lifted_by": OTHER_HIT, "account_id": HIT,
    }  # fmt: skip
    services.answers["GET /accounts/invitations/proposed"] = page_of(
        proposal, proposal | {"account_id": OTHER_HIT, "name": "Otto", "yours": True}
    )
    services.answers[f"GET /accounts/{HIT}/limit-lifts"] = page_of(lift)
    show(f"/accounts/{HIT}", person)
    return await sign_in(*MANAGER)


async def test_the_people(manager, services, person):
    free = person | {
        "account_id": OTHER_HIT,
        "name": "Otto",
        "roles": [],
        "sign_in_locked_at": None,
    }
    services.answers["GET /accounts"] = page_of(person, free)
    await manager.open("/people")
    assert manager.content == read("""
        People and their accounts Invite a person · Reviews of rights that are due Proposals to
        invite anew Name Title Proposed by Reason Valid until Next Ida Vega Detective Ada Min,
        2026-05-06 08:00:00 UTC lost the telephone 2026-05-07 08:00:00 UTC awaits approval Otto
        Detective Ada Min, 2026-05-06 08:00:00 UTC lost the telephone 2026-05-07 08:00:00 UTC
        another administrator approves it All accounts State any invited active locked disabled
        separated Show Name User name Title Roles State Last active Ida Vega i.vega Detective,
        CA0520100 investigator, officer active sign-in locked 2026-05-03 08:00:00 UTC Otto i.vega
        Detective, CA0520100 none active 2026-05-03 08:00:00 UTC
    """)
    assert manager.leads == paths(f"""
        /people/new
        /people/reviews
        {HERE}
        /people/{OTHER_HIT}
        /people
        {HERE}
        /people/{OTHER_HIT}
    """)


async def test_a_person_with_a_proposal(manager):
    await manager.open(HERE)
    assert manager.content == read("""
        Ida Vega User name i.vega Title Detective, CA0520100 Roles investigator, officer Hot lists
        state, federal State active, sign-in locked since 2026-05-02 08:00:00 UTC Second factor a
        code, or a security key if they have one Trained until 2026-05-01 08:00:00 UTC Last active 2026-05-03 08:00:00 UTC Rights reviewed 2026-05-04
        08:00:00 UTC Account Change name and title Change or confirm roles and hot lists Unlock the
        account Separate: the person has left Invite anew Ada Min proposed it on 2026-05-06 08:00:00
        UTC : lost the telephone. The proposal is valid until 2026-05-07 08:00:00 UTC . Your
        approval cancels the password, the authenticator, security keys and all open sessions of
        Ida Vega at once.
        Approve: invite Ida Vega anew A person with the role custodian or training sergeant prints
        the sheet. That person must not have proposed or approved the invitation. Daily limit of
        records Each service shows a person 10,000 records a day at most, and more than 2,000 raise
        a finding. You can lift the limit for one case for 24 hours; the finding remains. Case
        Reason Lifted Until 26-001234 a long case 2026-05-08 08:00:00 UTC 2026-05-09 08:00:00 UTC
        Case number As Ida Vega will declare it Reason Lift the limit for this case Back to the
        people
    """)
    assert manager.leads == paths(f"""
        {HERE}/details
        {HERE}/roles
        {HERE}/lock
        {HERE}/separation
        {HERE}/approval
        {HERE}/limit
        /people
    """)


async def test_a_person_who_once_had_a_role_that_takes_two_to_invite_anew(manager, services):
    services.answers["GET /accounts/invitations/proposed"] = page_of()
    await manager.open(HERE)
    assert manager.content.partition("Invite anew")[2].strip() == read("""
         Inviting a person who has or had the role alpr administrator again takes two
        administrators: you propose it, and another administrator approves it. Reason Propose to
        invite anew A person with the role custodian or training sergeant prints the sheet. That
        person must not have proposed or approved the invitation. Daily limit of records Each
        service shows a person 10,000 records a day at most, and more than 2,000 raise a finding.
        You can lift the limit for one case for 24 hours; the finding remains. Case Reason Lifted
        Until 26-001234 a long case 2026-05-08 08:00:00 UTC 2026-05-09 08:00:00 UTC Case number As
        Ida Vega will declare it Reason Lift the limit for this case Back to the people
    """)
    assert manager.leads == paths(f"""
        {HERE}/details
        {HERE}/roles
        {HERE}/lock
        {HERE}/separation
        {HERE}/invitation
        {HERE}/limit
        /people
    """)


async def test_the_roles_of_a_person(manager):
    await manager.open(f"{HERE}/roles")
    assert manager.content.partition("Yearly review")[2].strip() == read("""
         The rights of Ida Vega were last reviewed, or given, 2026-05-04 08:00:00 UTC . Last active
        2026-05-03 08:00:00 UTC . Take away above what their work no longer needs, then confirm the
        rest. If they have left, separate them . Now: Investigator, Officer; hot lists: state,
        federal. What the review found For example: still on patrol. The log keeps it with your name
        Confirm the rights as they are Reviews that are due · Back to Ida Vega
    """)
    assert manager.leads == paths(f"""
        {HERE}/roles
        {HERE}/sources
        {HERE}/separation
        {HERE}/review
        /people/reviews
        {HERE}
    """)


async def test_what_unlocking_gives_back(manager):
    await manager.open(f"{HERE}/lock")
    assert manager.content == read("""
        Unlock Ida Vega Ida Vega can sign in again with their password and authenticator, and has
        the rights of their roles: investigator, officer. Failed sign-ins so far no longer count.
        Reason The log keeps it with your name Unlock the account Back to Ida Vega
    """)
    assert manager.leads == paths(f"""
        {HERE}/unlock
        {HERE}
    """)


async def test_the_reviews_that_are_due(manager, services, person):
    services.answers["GET /accounts/reviews/due"] = page_of(person, services.me())
    await manager.open("/people/reviews")
    assert manager.content == read("""
        Reviews of rights that are due Each person's rights are reviewed once a year (468.6): an
        administrator confirms what their work needs, and takes the rest away. Name Rights Hot lists
        State Last active Last review Review Ida Vega Detective Investigator receives alerts,
        verifies hits, searches records, exports records, keeps hot lists, places holds Officer
        receives alerts, verifies hits, searches records state, federal active 2026-05-03 08:00:00
        UTC 2026-05-04 08:00:00 UTC Confirm or change Ola Lindqvist Police Officer Officer receives
        alerts, verifies hits, searches records department active 2026-06-01 12:00:00 UTC 2026-06-01
        12:00:00 UTC another administrator reviews yours Back to the people
    """)
    assert manager.leads == paths(f"""
        {HERE}
        {HERE}/roles
        /people/{READ}
        /people
    """)


async def test_the_invitations_to_hand_over(manager, services):
    waiting = {
        "account_id": HIT, "username": "i.vega", "name": "Ida Vega", "title": "Detective",
        "agency_ori": "CA0520100", "expires_at": at(7), "yours": False,
    }  # fmt: skip
    services.answers["GET /accounts/invitations/waiting"] = page_of(
        waiting, waiting | {"account_id": OTHER_HIT, "name": "Otto", "yours": True}
    )
    await manager.open("/invitations")
    assert manager.content == read("""
        Invitations to hand over You can open each sheet once. Print it, and give it to the person
        yourself; the system records that you did. If you invited the person, another person must
        hand the sheet over. Name User name Title Agency Valid until Sheet Ida Vega i.vega Detective
        CA0520100 2026-05-07 08:00:00 UTC Print for Ida Vega Otto i.vega Detective CA0520100
        2026-05-07 08:00:00 UTC another person prints it: you invited them
    """)
    assert manager.leads == paths(f"""
        /invitations/{HIT}
    """)


async def test_the_training_that_is_due(manager, services, person):
    services.answers["GET /training/due"] = page_of(
        person, services.me() | {"trained_until": None, "status": "locked"}
    )
    await manager.open("/training")
    assert manager.content == read("""
        Training ALPR data and functions open only to people with a current course “ALPR operator”,
        which holds 365 days (468.4(d), 468.8). Record a completed course Person Choose one Ida
        Vega, Detective Completed on The day of the course, not in the future Record Training due
        Name Title State Trained until Ida Vega Detective active 2026-05-01 08:00:00 UTC Ola
        Lindqvist Police Officer locked no training on record another person records yours
    """)
    assert manager.leads == paths("""
        /training
    """)


async def test_the_cameras(manager, services):
    place = {"latitude": 39.9, "longitude": -122.1, "heading_deg": 90.0}
    services.answers["GET /devices"] = page_of(
        a_camera(place=place, last_seen_at="2026-06-01T11:00:00Z", late_since=at(3)),
        a_camera(device_id=OTHER_HIT, name="Car 7", kind="vehicle", status="revoked"),
    )
    await manager.open("/cameras")
    assert manager.content == read("""
        Cameras Name Kind Place State Last seen Change Main St fixed 39.9, -122.1, looks to 90°
        active 1 h 0 min ago its clock may be wrong: everything since 2026-05-03 08:00:00 UTC came
        late New credential The former credential ends at once: the camera sends nothing until it
        has the new one. End the former, show a new one Settings Revoke Car 7 vehicle in each post
        revoked never Settings Reinstate Register a camera
    """)
    assert manager.leads == paths(f"""
        /cameras/{HIT}/credential
        /cameras/{HIT}/settings
        /cameras/{HIT}/revocation
        /cameras/{OTHER_HIT}/settings
        /cameras/{OTHER_HIT}/revocation
        /cameras/new
    """)


async def test_the_account_of_the_reader(manager, services, person, show):
    show(
        "/me",
        person | {"account_id": READ, "sign_in_locked_at": None, "permissions": list(MANAGER)},
    )
    services.answers["GET /me/training"] = page_of({
        "training_id": HIT, "account_id": READ, "course": "ALPR operator", "completed_on": "2026-05-10T00:00:00Z",
        "valid_until": at(11), "recorded_by": OTHER_HIT, "recorded_at": at(12),
    })  # fmt: skip
    signed_in = {
        "session_id": HIT, "opened_at": at(13), "used_at": at(14), "client_address": "192.0.2.7",
        "closed_at": None, "closed_reason": None, "current": True,
    }  # fmt: skip
    closed = {
        "current": False,
        "closed_at": at(15),
        "closed_reason": "signed out",
        "client_address": None,
    }
    services.answers["GET /me/sessions"] = page_of(
        signed_in, signed_in | closed, signed_in | {"current": False, "client_address": "192.0.2.8"}
    )
    await manager.open("/account")
    assert manager.content == read("""
        Your account Name Ida Vega User name i.vega Title Detective, CA0520100 Hot lists state,
        federal Rights reviewed 2026-05-04 08:00:00 UTC Change your password Change your second
        factor for a new telephone or authenticator Your security keys which no page that imitates
        this one can use Roles and rights Investigator receives alerts,
        verifies hits, searches records, exports records, keeps hot lists, places holds Officer
        receives alerts, verifies hits, searches records All that you may do use an account see
        people's accounts manage people's accounts hand invitations over record training see the
        cameras not without current training manage the cameras not without current training
        Training Lapsed Current until 2026-05-01 08:00:00 UTC . Course Completed Valid until
        Recorded ALPR operator 2026-05-10 2026-05-11 08:00:00 UTC 2026-05-12 08:00:00 UTC Sign-ins
        Signed in From Last used End 2026-05-13 08:00:00 UTC 192.0.2.7 2026-05-14 08:00:00 UTC this
        session 2026-05-13 08:00:00 UTC unknown 2026-05-14 08:00:00 UTC 2026-05-15 08:00:00 UTC :
        signed out 2026-05-13 08:00:00 UTC 192.0.2.8 2026-05-14 08:00:00 UTC still open Sign out
        everywhere else A sign-in that was not yours: sign out everywhere else, change your
        password, and tell the ALPR administrator.
    """)
    assert manager.leads == paths("""
        /account/password
        /account/second-factor
        /account/security-keys
        /account/sessions/closure
    """)
