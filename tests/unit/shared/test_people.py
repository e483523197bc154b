"""Keys and accounts come only from identity, are never older than known, and are current or marked as not."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from shared.accounts.known_accounts import People
from shared.accounts.tokens import thumbprint, verify
from shared.core.certificates import CertificateRefused, Signer
from shared.core.errors import CredentialEnded, NotAuthenticated, Unavailable
from shared.core.permissions import Permission
from shared.events import AccountChanged, CertificateRevoked, IdentityTicked, KeyPublished
from shared.events.signed_events import sign_event, signed_bytes
from shared.testing import FakeClock, TestAuthority, TestRoot, some_people

pytestmark = pytest.mark.clause("wall/keys")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def authority(clock: FakeClock) -> TestAuthority:
    return TestAuthority(clock)


@pytest.fixture
def people(clock: FakeClock) -> People:
    return some_people(clock)


class Issuer:
    """identity's issuer, its one token key, and its events."""

    def __init__(self, clock: FakeClock, authority: TestAuthority) -> None:
        self.clock, self.authority = clock, authority
        jwk = {name: authority._jwk[name] for name in ("kty", "crv", "x", "y")}
        self.kid = authority.kid = thumbprint(jwk)
        self.jwk = jwk

    def key(self, *, signer: Signer | None = None, number: int = 1, **changed: Any) -> KeyPublished:
        fields = {
            "occurred_at": self.clock.now(),
            "kid": self.kid,
            "issuer": "plateward",
            "jwk": self.jwk,
            "not_after": self.clock.now() + timedelta(days=10),
            "key_number": number,
            "number": number,
        }
        return sign_event(signer or self.authority.issuer, KeyPublished(**{**fields, **changed}))


@pytest.fixture
def issuer(clock: FakeClock, authority: TestAuthority) -> Issuer:
    return Issuer(clock, authority)


def accepted(people: People, authority: TestAuthority, clock: FakeClock, **claims: Any) -> bool:
    try:
        verify(authority.access_token(**claims), people.keys, "access", clock.now())
    except NotAuthenticated:
        return False
    return True


def test_a_key_that_the_issuer_signed_is_accepted(people, issuer, authority, clock) -> None:
    assert not accepted(people, authority, clock)
    people.learn(issuer.key())
    assert accepted(people, authority, clock)


def test_a_key_without_a_certificate_or_signature_is_refused(
    people, issuer, authority, clock
) -> None:
    for field in ("issuer_certificate", "signature"):
        with pytest.raises(CertificateRefused, match="not signed"):
            people.learn(msgspec.structs.replace(issuer.key(), **{field: ""}))
    assert not accepted(people, authority, clock)


def test_a_key_under_another_root_is_refused(people, issuer, authority, clock) -> None:
    with pytest.raises(CertificateRefused, match="no trusted root"):
        people.learn(issuer.key(signer=TestRoot("another").signer(now=clock.now())))
    assert not accepted(people, authority, clock)


def test_a_key_signed_with_a_certificate_for_captures_is_refused(
    people, issuer, authority, clock
) -> None:
    with pytest.raises(CertificateRefused, match="for captures"):
        people.learn(issuer.key(signer=TestRoot().signer("captures", now=clock.now())))
    assert not accepted(people, authority, clock)


@pytest.mark.parametrize("field", ["kid", "not_after", "jwk", "number", "key_number", "event_id"])
def test_a_changed_field_breaks_the_signature(people, issuer, clock, field) -> None:
    changed = {
        "kid": "another",
        "not_after": clock.now() + timedelta(days=99),
        "jwk": {**issuer.jwk, "x": issuer.jwk["y"]},
        "number": 7,
        "key_number": 7,
        "event_id": uuid4(),
    }[field]
    with pytest.raises(CertificateRefused, match="did not sign"):
        people.learn(msgspec.structs.replace(issuer.key(), **{field: changed}))


def test_a_revoked_issuer_loses_its_keys_and_makes_no_more(
    people, issuer, authority, clock
) -> None:
    people.learn(issuer.key())
    people.learn(revocation(authority, clock))
    assert not accepted(people, authority, clock)
    with pytest.raises(CertificateRefused, match="revoked"):
        people.learn(issuer.key(number=2))
    assert not accepted(people, authority, clock)
    people.learn(issuer.key(signer=TestRoot().signer(now=clock.now(), serial=2), number=3))
    assert accepted(people, authority, clock)


def test_the_end_of_a_key_can_only_move_earlier(people, issuer, authority, clock) -> None:
    late = issuer.key(number=1)
    people.learn(late)
    people.learn(issuer.key(number=2, not_after=clock.now() + timedelta(minutes=1)))
    people.learn(late)  # replayed
    people.learn(issuer.key(number=3, not_after=clock.now() + timedelta(days=50)))
    clock.advance(minutes=2)
    assert not accepted(people, authority, clock)


def test_a_key_under_the_id_of_another_is_refused(people, issuer) -> None:
    other = {**issuer.jwk, "x": issuer.jwk["y"], "y": issuer.jwk["x"]}
    with pytest.raises(ValueError, match="does not match its id"):
        people.learn(issuer.key(jwk=other))


def test_a_key_of_another_issuer_of_tokens_is_refused(people, issuer, authority, clock) -> None:
    with pytest.raises(ValueError, match="another issuer's"):
        people.learn(issuer.key(issuer="another department"))
    assert not accepted(people, authority, clock)


async def test_an_event_that_is_refused_does_not_keep_the_next_from_being_learned(
    people, issuer, authority, clock
) -> None:
    forged = msgspec.structs.replace(issuer.key(), signature="")
    await people.learn_all([forged, issuer.key(issuer="another department"), issuer.key()])
    assert accepted(people, authority, clock)


def revocation(authority: TestAuthority, clock: FakeClock, usage: str = "tokens") -> Any:
    """Return the revocation of the issuer's certificate, or of one of another use with the same serial."""
    signer = authority.issuer if usage == "tokens" else TestRoot().signer(usage, now=clock.now())
    return CertificateRevoked(
        occurred_at=clock.now(),
        actor=authority.account(uuid4(), "active", clock.now()).actor,
        usage=usage,
        serial=signer.certificate.serial,
        revocation=TestRoot().revocation(signer.text, now=clock.now()),
    )


def test_a_revoked_certificate_of_another_use_leaves_the_keys_of_tokens(
    people, issuer, authority, clock
) -> None:
    people.learn(issuer.key())
    tick = IdentityTicked(occurred_at=clock.now(), account_number=0, key_number=1)
    people.learn(sign_event(authority.issuer, tick))
    people.learn(revocation(authority, clock, "captures"))
    assert accepted(people, authority, clock)
    assert current(people, clock)


@pytest.mark.parametrize(("minutes", "taken"), [(10, True), (11, False), (60_000, False)])
def test_a_token_that_would_live_longer_than_policy_is_refused(
    people, issuer, authority, clock, minutes, taken
) -> None:
    people.learn(issuer.key())
    expires = (clock.now() + timedelta(minutes=minutes)).timestamp()
    assert accepted(people, authority, clock, exp=expires) is taken


def test_a_forged_change_does_not_revive_a_separated_account(people, authority, clock) -> None:
    account = uuid4()
    active = authority.account(account, "active", clock.now())
    separated = authority.account(account, "separated", clock.now())
    claims = {"sub": str(account), "iat": clock.now().timestamp()}
    for event in (active, separated):
        people.learn(event)
    forged = msgspec.structs.replace(separated, status="active", account_number=3)
    elsewhere = sign_event(TestRoot("another").signer(now=clock.now()), forged)
    for event in (forged, elsewhere, msgspec.structs.replace(forged, signature="")):
        with pytest.raises(CertificateRefused):
            people.learn(event)
    people.learn(active)  # genuine, and older
    with pytest.raises(CredentialEnded, match="separated"):
        people.check(claims)


@pytest.mark.parametrize(
    ("number", "barred"), [(None, True), (1, True), (2, True), (3, False)], ids=str
)
def test_a_token_ends_only_a_bar_that_is_older_than_itself(
    people, authority, clock, number, barred
) -> None:
    """A token of change 3 was issued after the bar of change 2 had ended, though that event is still on its way."""
    account = uuid4()
    people.learn(authority.account(account, "active", clock.now()))
    people.learn(authority.account(account, "suspended", clock.now()))
    claims = {"sub": str(account), "iat": clock.now().timestamp()}
    if number is not None:
        claims["account_number"] = number
    if barred:
        with pytest.raises(CredentialEnded, match="suspended"):
            people.check(claims)
    else:
        people.check(claims)


def test_a_token_does_not_end_a_later_bar_or_revocation(people, authority, clock) -> None:
    account = uuid4()
    claims = {"sub": str(account), "iat": clock.now().timestamp(), "account_number": 2}
    people.learn(authority.account(account, "invited", clock.now()))
    people.check(claims)
    people.learn(authority.account(account, "active", clock.now() + timedelta(seconds=1)))
    with pytest.raises(CredentialEnded, match="revoked"):
        people.check(claims)
    people.learn(authority.account(account, "separated", clock.now()))
    with pytest.raises(CredentialEnded, match="separated"):
        people.check(claims)


def current(people: People, clock: FakeClock) -> bool:
    try:
        people.check_current(clock.now())
    except Unavailable:
        return False
    return True


@pytest.mark.clause("wall/tick")
def test_accounts_are_current_for_five_seconds_after_a_tick(people, authority, clock) -> None:
    assert not current(people, clock)
    people.learn(authority.tick())
    assert current(people, clock)
    clock.advance(seconds=5)
    assert current(people, clock)
    clock.advance(seconds=0.1)
    assert not current(people, clock)


@pytest.mark.clause("wall/tick")
def test_a_late_tick_counts_from_its_creation(people, authority, clock) -> None:
    late = authority.tick()
    clock.advance(seconds=6)
    people.learn(late)
    assert not current(people, clock)


@pytest.mark.clause("wall/tick")
def test_a_withheld_separation_makes_accounts_not_current_despite_ticks(
    people, authority, clock
) -> None:
    account = uuid4()
    people.learn(authority.account(account, "active", clock.now()))
    people.learn(authority.tick())
    withheld = authority.account(account, "separated", clock.now())
    for _ in range(3):
        clock.advance(seconds=2)
        people.learn(authority.tick())
    assert not current(people, clock)
    people.learn(withheld)
    assert current(people, clock)


@pytest.mark.clause("wall/tick")
def test_a_withheld_key_makes_accounts_not_current_despite_ticks(
    people, issuer, authority, clock
) -> None:
    """The key that is withheld may be the end of one that was stolen."""
    people.learn(issuer.key())
    tick = IdentityTicked(occurred_at=clock.now(), account_number=0, key_number=2)
    people.learn(sign_event(authority.issuer, tick))
    assert not current(people, clock)
    people.learn(issuer.key(number=2, not_after=clock.now()))
    assert current(people, clock)


@pytest.mark.clause("wall/tick")
def test_a_revoked_issuer_makes_accounts_not_current(people, authority, clock) -> None:
    people.learn(authority.tick())
    assert current(people, clock)
    people.learn(revocation(authority, clock))
    assert not current(people, clock)


@pytest.mark.clause("wall/tick")
def test_accounts_that_a_new_issuer_announces_again_make_accounts_current(
    people, authority, clock
) -> None:
    account_id = uuid4()
    people.learn(authority.account(account_id, "active", clock.now()))
    people.learn(revocation(authority, clock))
    renewed = TestRoot().signer(now=clock.now(), serial=2)
    anew = authority.account(account_id, "active", clock.now())
    people.learn(sign_event(renewed, anew))
    tick = IdentityTicked(occurred_at=clock.now(), account_number=2, key_number=0)
    people.learn(sign_event(renewed, tick))
    assert current(people, clock)


@pytest.mark.clause("wall/tick")
def test_a_tick_of_a_revoked_issuer_makes_accounts_current_no_more(
    people, authority, clock
) -> None:
    event = authority.account(uuid4(), "active", clock.now())
    people.learn(authority.tick())  # waits for the event
    people.learn(revocation(authority, clock))
    anew = sign_event(TestRoot().signer(now=clock.now(), serial=2), event)
    people.learn(anew)
    assert not current(people, clock)


@pytest.mark.clause("wall/tick")
def test_a_tick_of_a_clock_that_is_ahead_counts_from_its_arrival(people, clock) -> None:
    ahead = FakeClock()
    ahead.advance(seconds=4)
    people.learn(TestAuthority(ahead).tick())
    clock.advance(seconds=5)
    assert current(people, clock)
    clock.advance(seconds=0.1)
    assert not current(people, clock)


@pytest.mark.clause("wall/tick")
def test_the_newest_state_of_each_account_is_enough_after_compaction(
    people, authority, clock
) -> None:
    accounts = [uuid4() for _ in range(3)]
    events = [authority.account(a, "active", clock.now()) for a in accounts * 4]
    tick = authority.tick()
    for event in events[-3:-1]:
        people.learn(event)
    people.learn(tick)
    assert not current(people, clock), "one account's newest state was compacted away"
    people.learn(events[-1])
    assert current(people, clock)


@pytest.mark.clause("wall/tick")
def test_a_forged_or_future_tick_does_not_keep_accounts_current(people, authority, clock) -> None:
    tick = authority.tick()
    with pytest.raises(CertificateRefused):
        people.learn(msgspec.structs.replace(tick, occurred_at=clock.now() + timedelta(seconds=3)))
    ahead = FakeClock()
    ahead.advance(seconds=30)
    with pytest.raises(CertificateRefused, match="future"):
        people.learn(TestAuthority(ahead).tick())
    assert not current(people, clock)


@pytest.mark.clause("wall/tick")
def test_a_restored_database_is_refused_after_a_restart_too(people, clock) -> None:
    """Its numbers were used before: a separation with one of them would count as an old event."""
    before = TestAuthority(clock)
    account = uuid4()
    for status in ("active", "suspended", "active"):
        people.learn(before.account(account, status, clock.now()))
    clock.advance(seconds=20)
    restored = TestAuthority(clock)
    people.learn(restored.account(account, "separated", clock.now()))
    with pytest.raises(CertificateRefused, match="went back"):
        people.learn(restored.tick())
    assert not current(people, clock)


@pytest.mark.clause("wall/tick")
def test_a_tick_from_just_before_a_change_is_accepted(people, authority, clock) -> None:
    people.learn(authority.account(uuid4(), "active", clock.now()))
    tick = authority.tick()
    people.learn(authority.account(uuid4(), "active", clock.now()))
    people.learn(tick)
    assert current(people, clock)


@pytest.mark.clause("wall/tick")
def test_numbers_that_go_back_are_refused(people, authority, clock) -> None:
    event = authority.account(uuid4(), "active", clock.now())
    people.learn(event)
    people.learn(authority.tick())
    clock.advance(seconds=20)
    with pytest.raises(CertificateRefused, match="went back"):
        people.learn(TestAuthority(clock).tick())
    assert not current(people, clock)


def test_only_identitys_own_and_camera_permissions_need_no_current_accounts() -> None:
    free = {p for p in Permission if not p.needs_current_accounts}
    assert {p.value.split(":")[0] for p in free} == {"account", "training", "purpose", "device"}


@pytest.mark.clause("468.5/restored")
def test_only_a_purge_and_what_shows_no_record_goes_on_after_a_restore() -> None:
    on = {p for p in Permission if not p.waits_for_a_purge}
    without_records = {"account", "training", "purpose", "device", "agency", "policy"}
    assert {p.value.split(":")[0] for p in on} == without_records | {"purge"}
    assert {p for p in Permission if p.value.startswith("purge:")} <= on


def test_a_signature_verifies_after_serialisation(authority, clock) -> None:
    event = authority.account(uuid4(), "active", clock.now())
    again = msgspec.json.decode(msgspec.json.encode(event), type=AccountChanged)
    some_people(clock).learn(again)


def test_a_signature_covers_the_topic_so_that_no_event_passes_for_another(authority, clock) -> None:
    event = authority.account(uuid4(), "active", clock.now())
    topic, _, body = signed_bytes(event).partition(b"\n")
    assert topic == b"plateward event alpr.account.changed"
    assert b'"signature"' not in body
    assert body == signed_bytes(msgspec.structs.replace(event, signature="x")).partition(b"\n")[2]
