"""What a policy may not say: values out of bounds, and values that contradict the law or one another."""

from collections.abc import Iterator, Mapping
from operator import attrgetter
from typing import TYPE_CHECKING

from shared.core.months import is_zone
from shared.core.permissions import Permission
from shared.core.plates import MAX_PLATE_CHARACTERS, MIN_KNOWN_ALONE
from shared.core.region_packs import RegionPackFault, check_names

if TYPE_CHECKING:
    from shared.core.policy import Devices, Policy, Purposes, Retention

LEGAL_FLOOR_DAYS = 365
"""Government Code 34090.6(a): one year."""

LEGAL_FILE_YEARS = 2
"""Government Code 34090(d): other city records, the file of releases among them, stay for two years."""

MOST_DAYS = 92
"""A quarter: a longer window of every vehicle at a camera is no longer narrow."""

WIDEST_FRAME_MARGIN = 5
"""In plate widths (12 in, SAE J686): 5 ft to each side show all of the vehicle, and the lane beside it."""

LONGEST_HOLD_REVIEW_DAYS = 731
"""Two years: a hold that is not looked at for longer keeps records past the schedule without a person who knows why."""

LONGEST_BACKUP_DAYS = 92
"""A quarter: a purge cannot reach a backup, so none lasts longer."""

LONGEST_OVERDUE_DAYS = 31
"""A month: nothing is left later than the schedule says (policy 468.3.1(f))."""

LONGEST_LIFT_H = 168
"""A week: the longest lift of a person's limit of records a day; after it an administrator decides again."""

LONGEST_PATROL_H = 72
"""Hits older than three days are not patrol (policy 468.4(b))."""

PERIOD_MONTHS = frozenset({1, 2, 3, 4, 6, 12})
"""Lengths of an audit's period that fill a calendar year."""

_RANGES: Mapping[str, tuple[int, int]] = {
    "retention.hold_review_days": (1, LONGEST_HOLD_REVIEW_DAYS),
    "retention.backups_days": (1, LONGEST_BACKUP_DAYS),
    "retention.overdue_days": (1, LONGEST_OVERDUE_DAYS),
    "sharing.frame_margin_widths": (0, WIDEST_FRAME_MARGIN),
    "narrowness.days": (1, MOST_DAYS),
    "narrowness.known_characters": (MIN_KNOWN_ALONE, MAX_PLATE_CHARACTERS),
    "limits.limit_lifted_h": (1, LONGEST_LIFT_H),
    "limits.hits_without_purpose_h": (1, LONGEST_PATROL_H),
}
"""The least and the most that a value may be."""

_ABOVE_0 = (
    "devices.live_within_s",
    "audits.drawn_within_hours",
    "limits.audit_behind_refuses_s",
    "limits.disclosed_finding",
)
"""Values without an upper bound of their own."""


def faults_of(policy: "Policy") -> Iterator[str]:
    """Yield each fault of a policy, with the value's name in the file."""
    if not is_zone(policy.department.time_zone):
        yield "department.time_zone is not the IANA name of a time zone, such as America/Los_Angeles"
    for name, (least, most) in _RANGES.items():
        if not least <= attrgetter(name)(policy) <= most:
            yield f"{name} is not from {least} to {most}"
    for name in _ABOVE_0:
        if attrgetter(name)(policy) <= 0:
            yield f"{name} is not above 0"
    for name in ("hotlists.bad_lines_share", "hotlists.shrink_share"):
        if not 0 <= attrgetter(name)(policy) < 1:
            yield f"{name} is not a share from 0 to below 1"
    for name in ("sharing.kept_years", "access_records.kept_years"):
        if attrgetter(name)(policy) < LEGAL_FILE_YEARS:
            yield f"{name} is under two years (Government Code 34090(d))"
    if policy.retention.floor_days < LEGAL_FLOOR_DAYS:
        yield "retention.floor_days is under one year (Government Code 34090.6)"
    if policy.retention.schedule_days < policy.retention.floor_days:
        yield "retention.schedule_days is under retention.floor_days"
    if policy.training.refresher_due_days >= policy.training.valid_days:
        yield "training.refresher_due_days is not under training.valid_days"
    if policy.limits.disclosed_refused < policy.limits.disclosed_finding:
        yield "limits.disclosed_refused is under limits.disclosed_finding"
    if policy.audits.period_months not in PERIOD_MONTHS:
        yield "audits.period_months is not 1, 2, 3, 4, 6 or 12"
    if faults := policy.cases.faults:
        yield f"cases: {'; '.join(faults)}"
    yield from _buffering(policy.devices, policy.retention)
    yield from _roles(policy)
    yield from _purposes(policy.purposes)
    try:
        check_names(policy.regions.packs)
    except RegionPackFault as exc:
        yield f"regions.packs {exc}"


def _buffering(devices: "Devices", retention: "Retention") -> Iterator[str]:
    for kind in ("fixed", "vehicle"):
        hours = devices.may_buffer_h.get(kind)
        if hours is None or not 0 <= hours <= retention.floor_days * 24:
            yield f"devices.may_buffer_h.{kind} is not from 0 to the hours of retention.floor_days"


def _roles(policy: "Policy") -> Iterator[str]:
    for role, permissions in policy.roles.items():
        if unknown := permissions - set(Permission):
            yield f"roles.{role} names no permission: {', '.join(sorted(unknown))}"
    exclusive = policy.exclusive_roles
    if unknown := policy.accounts.two_to_reinvite - policy.roles.keys():
        yield f"accounts.two_to_reinvite names no role: {', '.join(sorted(unknown))}"
    if unknown := policy.accounts.security_key_for - policy.roles.keys():
        yield f"accounts.security_key_for names no role: {', '.join(sorted(unknown))}"
    if unknown := exclusive.alone - policy.roles.keys():
        yield f"exclusive_roles.alone names no role: {', '.join(sorted(unknown))}"
    for pair in sorted(exclusive.apart):
        if len(set(pair)) < 2 or not policy.roles.keys() >= set(pair):
            yield f"exclusive_roles.apart is of two roles, not {' and '.join(pair)}"


def _purposes(purposes: "Purposes") -> Iterator[str]:
    """Yield the faults of the purposes, whose table lists every permission that needs one.

    This includes permissions that need one on some routes only, or only for old hits.
    """
    if both := purposes.allowed & purposes.prohibited.keys():
        yield f"purposes both allowed and prohibited: {', '.join(sorted(both))}"
    if purposes.patrol in purposes.allowed:
        yield "purposes.patrol is given to alerts alone: take it out of purposes.allowed"
    named = [permission for row in purposes.opens for permission in row.permissions]
    if twice := {permission for permission in named if named.count(permission) > 1}:
        yield f"purposes.opens names {', '.join(sorted(twice))} twice"
    if bare := {one for one in Permission if one.is_opened_by_purpose} - set(named):
        yield f"purposes.opens does not say what opens {', '.join(sorted(bare))}"
    for row in purposes.opens:
        if not row.kinds:
            yield f"purposes.opens has no purpose that opens {', '.join(sorted(row.permissions))}"
        if unknown := row.kinds - purposes.allowed:
            yield f"purposes.opens names {', '.join(sorted(unknown))}, not a purpose"
