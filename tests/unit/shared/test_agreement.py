"""The state that services follow of each other: policies, and the newest checkpoint."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from shared.core.errors import Unavailable
from shared.core.permissions import Permission
from shared.core.policy import PolicyFault, load_policy
from shared.events import CheckpointSigned, LogCovered, PolicyLoaded
from shared.service.agreement import NewestCheckpoint, Policies
from shared.service.coverage import Coverage
from shared.testing import FakeClock
from tests.unit.shared.notes import NOON, signed

POLICY = Path(__file__).parents[3] / "policy.toml"


def loaded(service: str, digest: str) -> PolicyLoaded:
    return PolicyLoaded(occurred_at=NOON, service=service, digest=digest, version="v")


@pytest.mark.clause("wall/policy")
def test_services_with_different_policies_are_not_ready() -> None:
    own = load_policy(POLICY)
    policies = Policies("ingest", own)
    policies.learn(loaded("audit", own.digest))
    assert policies.state() == "ok"
    policies.learn(loaded("hotlist", "another"))
    assert policies.state() == (
        "services run by different policies: "
        f"audit {own.digest[:12]}, hotlist another, ingest {own.digest[:12]}"
    )
    policies.learn(loaded("ingest", "another"))  # another replica of ours; this one runs by its own
    assert policies.state() != "ok"
    policies.learn(loaded("hotlist", own.digest))
    assert policies.state() == "ok"


@pytest.mark.clause("wall/policy")
def test_a_policys_digest_covers_all_its_content(tmp_path: Path) -> None:
    text = POLICY.read_text()
    as_it_is = load_policy(POLICY).digest
    file = tmp_path / "policy.toml"
    file.write_text("# a comment\n\n" + text)
    assert load_policy(file).digest == as_it_is
    for line, other in (
        ("schedule_days = 400", "schedule_days = 401"),
        ('version = "2026-11"', 'version = "2026-12"'),
        ("schedule_in_force_from = 2026-01-01", "schedule_in_force_from = 2026-01-02"),
    ):
        assert line in text
        file.write_text(text.replace(line, other))
        assert load_policy(file).digest != as_it_is
    file.write_text('digest = "00"\n' + text)
    with pytest.raises(PolicyFault, match="remove digest"):
        load_policy(file)


@pytest.mark.clause("wall/checkpoints")
def test_the_newest_valid_checkpoint_is_added_to_answers() -> None:
    newest = NewestCheckpoint()
    assert json.loads(newest.into(b'{"a":1}')) == {"a": 1, "checkpoint": None}
    newest.learn(signed(7))
    newest.learn(signed(5))
    newest.learn(CheckpointSigned(occurred_at=NOON, origin="x", size=99, root_hash="", note="no"))
    assert newest.note == signed(7).note
    assert json.loads(newest.into(b'{"a":1}')) == {"a": 1, "checkpoint": signed(7).note}


@pytest.mark.clause("wall/log-behind")
async def test_access_is_refused_when_audit_is_behind_beyond_the_limit() -> None:
    clock = FakeClock(NOON)
    coverage = Coverage("sample", clock, refuses_s=3600)
    await coverage.learn([LogCovered(occurred_at=NOON, covered_until=NOON)])
    clock.advance(seconds=60)
    assert coverage.state() == "ok"
    clock.advance(seconds=1)
    assert coverage.state() == "ok, but 61 s behind"
    clock.advance(seconds=3539)
    coverage.check(Permission.RECORD_SEARCH)
    clock.advance(seconds=1)
    for permission in set(Permission) - {
        Permission.ACCOUNT_SELF,
        Permission.ACCOUNT_MANAGE,
        Permission.DEVICE_MANAGE,
    }:
        with pytest.raises(Unavailable, match="too far behind"):
            coverage.check(permission)
    # The access of a person or a camera can be ended all the same.
    coverage.check(Permission.ACCOUNT_MANAGE)
    coverage.check(Permission.ACCOUNT_SELF)
    coverage.check(Permission.DEVICE_MANAGE)
    assert coverage.state() == "3601 s behind: access is refused"
    early = LogCovered(occurred_at=clock.now(), covered_until=NOON - timedelta(hours=1))
    future = LogCovered(occurred_at=clock.now(), covered_until=clock.now() + timedelta(days=1))
    await coverage.learn([early, future])
    assert coverage.refuses, "what is older, or not believable, changes nothing"
    await coverage.learn([LogCovered(occurred_at=clock.now(), covered_until=clock.now())])
    coverage.check(Permission.RECORD_SEARCH)
    await coverage.learn([early])  # of another replica, which lags
    coverage.check(Permission.RECORD_SEARCH)
    assert coverage.state() == "ok"


@pytest.mark.clause("wall/log-behind")
async def test_a_log_that_was_behind_at_the_start_refuses_access_from_audits_first_word_on() -> (
    None
):
    coverage = Coverage("sample", FakeClock(NOON), refuses_s=3600)
    assert not coverage.refuses
    long_ago = NOON - timedelta(hours=2)
    await coverage.learn([LogCovered(occurred_at=NOON, covered_until=long_ago)])
    assert coverage.refuses


@pytest.mark.clause("wall/log-behind")
@pytest.mark.parametrize(("ahead_s", "believed"), [(60, True), (61, False)])
async def test_a_time_ahead_of_this_clock_is_believed_within_a_minute(
    ahead_s: float, believed: bool
) -> None:
    clock = FakeClock(NOON)
    coverage = Coverage("sample", clock, refuses_s=3600)
    ahead = NOON + timedelta(seconds=ahead_s)
    await coverage.learn([LogCovered(occurred_at=NOON, covered_until=ahead)])
    clock.advance(seconds=3601)
    assert coverage.refuses is not believed


@pytest.mark.clause("wall/log-behind")
def test_an_audit_that_never_reported_counts_from_the_start_and_cameras_are_still_served() -> None:
    clock = FakeClock(NOON)
    coverage = Coverage("sample", clock, refuses_s=3600, ready_without=True)
    clock.advance(seconds=3601)
    assert coverage.refuses
    assert coverage.state() == "ok, but 3601 s behind"
