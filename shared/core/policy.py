"""The department's written policy, loaded from `policy.toml` and checked; every service reads it."""

import json
import tomllib
from collections.abc import Iterable, Mapping
from datetime import date
from hashlib import sha256
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta

from shared.core.case_numbers import CaseRules
from shared.core.months import is_zone
from shared.core.permissions import Permission
from shared.core.plates import MAX_PLATE_CHARACTERS, MIN_KNOWN_ALONE
from shared.core.region_packs import DEFAULT, RegionPackFault, check_names
from shared.core.types import Ori, Source, Tier

LONGEST_PURPOSE_MINUTES = 12 * 60
"""A shift: the next one declares its own purposes."""

MAX_JUSTIFICATION_CHARACTERS = 500
"""The longest justification of a purpose."""

LONGEST_TRAINING_DAYS = 731
"""Two years: training is a condition of access (468.4(d)), not a formality at hiring."""

LONGEST_PACKAGE_DAYS = 92
"""A quarter: a recipient who has not fetched a package by then files a new request."""

LONGEST_STALENESS_H = 8760
"""A year: by then most entries of a list have ended."""


class Department(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The agency that runs this system."""

    name: str
    ori: Ori
    state: str
    contact: str
    time_zone: str = "UTC"
    """IANA name of the zone in which months of the public figures begin, and whose local times packages show."""

    @property
    def zone(self) -> ZoneInfo:
        """The zone; `load_policy` has checked its name."""
        return ZoneInfo(self.time_zone)


class Office(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A named office that the policy must publish."""

    title: str
    name: str


class Titles(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Job titles that may hold permissions (468.3.1(a))."""

    authorised: frozenset[str]
    external: frozenset[str]


class ExclusiveRoles(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Roles that one person may not hold together."""

    alone: frozenset[str]
    """Roles that exclude every other role."""

    apart: frozenset[tuple[str, str]]
    """Pairs of roles that exclude each other."""

    def pairs_in(self, roles: Iterable[str]) -> list[tuple[str, str]]:
        """Return the pairs among `roles` that exclude each other, each in alphabetical order."""
        apart = {tuple(sorted(pair)) for pair in self.apart}
        pairs = combinations(sorted(set(roles)), 2)
        return [pair for pair in pairs if self.alone & set(pair) or pair in apart]


class Opening(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Permissions, and the kinds of purpose that open them."""

    permissions: frozenset[Permission]
    kinds: frozenset[str]


class Purposes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The closed list of purposes, what each opens, and those that the law forbids, with their citations."""

    allowed: frozenset[str]
    patrol: str
    token_minutes: Annotated[int, Meta(ge=1, le=LONGEST_PURPOSE_MINUTES)]
    minimum_justification_characters: Annotated[int, Meta(ge=1, le=MAX_JUSTIFICATION_CHARACTERS)]
    prohibited: Mapping[str, str]
    opens: tuple[Opening, ...]

    def kinds_for(self, permission: Permission | str) -> frozenset[str]:
        """Return the kinds of purpose that open a permission; all allowed kinds if no row names it."""
        for row in self.opens:
            if permission in row.permissions:
                return row.kinds
        return self.allowed


class Training(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Training that access needs (468.4(d), 468.8)."""

    course: str
    valid_days: Annotated[int, Meta(ge=1, le=LONGEST_TRAINING_DAYS)]
    refresher_due_days: Annotated[int, Meta(ge=0)]


class Retention(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long records are kept, and by whose authority they are destroyed (468.5, Government Code 34090.6)."""

    floor_days: int
    schedule_days: int
    schedule_id: str
    schedule_in_force_from: date
    resolution_id: str
    attorney_consent_id: str
    evidence_bases: frozenset[str]
    hold_review_days: int = 365
    """Days within which each hold is to be reviewed, from its placing and from each review."""
    backups_days: int = 30
    """Days after which a backup ends and is deleted: so much longer than the schedule it may hold a record."""

    overdue_days: int = 14
    """Records so many days past the schedule are a finding if no purge of them began in as many days (ADR-0120)."""

    @property
    def missing_authority(self) -> list[str]:
        """The authorities for destroying city records that the policy lacks (Government Code 34090)."""
        facts = {
            "schedule": self.schedule_id,
            "resolution": self.resolution_id,
            "attorney_consent": self.attorney_consent_id,
        }
        return [name for name, said in facts.items() if not said.strip()]


class Sharing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who may receive data (468.7, Civil Code 1798.90.55)."""

    recipients: frozenset[str]
    states: frozenset[str]
    refused_citation: str
    package_days: Annotated[int, Meta(ge=1, le=LONGEST_PACKAGE_DAYS)]
    kept_years: int
    frame_margin_widths: float
    """Margin of the frame that a release shows around a plate, each way, in the plate's widths."""


LEGAL_FILE_YEARS = 2
"""Government Code 34090(d): other city records, the file of releases among them, stay for two years."""


class AccessRecords(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long a closed log of accesses is kept after its last entry."""

    kept_years: int = LEGAL_FILE_YEARS


class HotLists(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How hot lists are matched, aged and ranked."""

    pass_window_s: Annotated[int, Meta(ge=0, le=3600)]
    minimum_confidence: Annotated[float, Meta(ge=0, lt=1)]
    """A probability, not a percentage: reads of less are not matched."""

    lookalike_substitutions: Annotated[int, Meta(ge=0, le=MAX_PLATE_CHARACTERS)]
    bad_lines_share: float
    """Share of an upload's lines that may be set aside as bad; a file with more is refused."""

    shrink_share: float
    """A version that loses more than this share of the list's entries needs a second person."""

    staleness_hours: Mapping[Source, Annotated[int, Meta(ge=1, le=LONGEST_STALENESS_H)]]
    tiers: Mapping[str, Tier]


class Accounts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Rules of passwords, sessions and locks (468.6). None is weaker than CJIS Security Policy 5.9.5 allows: its IA-5,
    AC-7, AC-11 and AC-2."""

    password_minimum_characters: Annotated[int, Meta(ge=8, le=64)]
    lock_after_failures: Annotated[int, Meta(ge=1, le=5)]
    lock_window_minutes: Annotated[int, Meta(ge=15, le=1440)]
    idle_minutes: Annotated[int, Meta(ge=1, le=30)]
    inactive_days: Annotated[int, Meta(ge=1, le=90)]
    access_token_minutes: Annotated[int, Meta(ge=1, le=30)]
    known_browser_days: Annotated[int, Meta(ge=1, le=366)]
    known_browsers: Annotated[int, Meta(ge=1, le=100)]
    two_to_reinvite: frozenset[str]
    """Roles whose new enrolment needs two administrators."""


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long the system works while a dependency is down, and how many records a person is shown."""

    audit_behind_refuses_s: int
    alerts_without_revocation_s: Annotated[int, Meta(ge=0, le=3600)]
    disclosed_finding: int
    """If all services together show a person more records than this in a day (UTC), that is a finding."""

    disclosed_refused: int
    """One service shows a person at most this many records a day, unless the limit was lifted for a case."""

    limit_lifted_h: int
    """How long such a lift lasts."""

    hits_without_purpose_h: int
    """Hits captured longer ago than this are shown only for a declared purpose."""


class Narrowness(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How wide a request may be (shared/core/narrowness.py)."""

    known_characters: int
    """With this many known characters of a plate, the window may be as long as the schedule."""

    days: int
    """The longest window if fewer are known."""


class Devices(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long devices may keep captures back, and how recent a live capture is (ADR-0032)."""

    live_within_s: int
    """A capture that is older than this raises no alert; a device that may keep nothing back sends it late."""

    may_buffer_h: Mapping[Literal["fixed", "vehicle"], float]
    """By kind, the longest that a device may be registered with, and its default."""


class AuditPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The periods whose accesses are audited, and how soon their samples are drawn (468.6(c))."""

    period_months: int = 1
    drawn_within_hours: int = 24


class RegionChoice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whose plates are read and matched (shared/core/region_packs.py)."""

    packs: tuple[str, ...] = DEFAULT
    """Names of region packs, one or more."""


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole policy."""

    version: str
    department: Department
    designee: Office
    custodian: Office
    titles: Titles
    roles: Mapping[str, frozenset[str]]
    exclusive_roles: ExclusiveRoles
    purposes: Purposes
    training: Training
    retention: Retention
    sharing: Sharing
    devices: Devices
    hotlists: HotLists
    accounts: Accounts
    limits: Limits
    narrowness: Narrowness
    audits: AuditPlan = AuditPlan()
    access_records: AccessRecords = AccessRecords()
    regions: RegionChoice = RegionChoice()
    cases: CaseRules = CaseRules()
    digest: str = ""
    """SHA-256 of the file's content as canonical JSON (sorted names, no spaces), hexadecimal."""
    text: str = ""
    """The file's text, comments included."""


class PolicyFault(ValueError):
    """The policy file contradicts the law or itself; the service must not start."""


LEGAL_FLOOR_DAYS = 365
"""Government Code 34090.6(a): one year."""

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


def digest_of(content: Mapping[str, Any]) -> str:
    """Return the digest of a policy's content; comments and order do not matter."""
    canonical = json.dumps(
        content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_written
    )
    return sha256(canonical.encode()).hexdigest()


def _written(value: object) -> str:
    if isinstance(value, date):
        return value.isoformat()
    raise PolicyFault(f"a policy holds no {type(value).__name__}")


def load_policy(path: Path) -> Policy:
    """Load the policy in `path`. Raises: PolicyFault naming its fault."""
    try:
        text = path.read_text(encoding="utf-8")
        content = tomllib.loads(text)
        for name in ("digest", "text"):
            if name in content:
                raise PolicyFault(f"{path}: remove {name}, which the program computes")
        policy = msgspec.convert({**content, "digest": digest_of(content), "text": text}, Policy)
    except UnicodeDecodeError as exc:
        raise PolicyFault(f"{path}: save it as UTF-8; it has a byte of another encoding") from exc
    except (OSError, tomllib.TOMLDecodeError, msgspec.ValidationError) as exc:
        raise PolicyFault(f"{path}: {exc}") from exc
    if not is_zone(policy.department.time_zone):
        raise PolicyFault(
            "department.time_zone is not the IANA name of a time zone, such as America/Los_Angeles"
        )
    _check_roles(policy)
    if policy.training.refresher_due_days >= policy.training.valid_days:
        raise PolicyFault("training.refresher_due_days is not under training.valid_days")
    retention = policy.retention
    if retention.floor_days < LEGAL_FLOOR_DAYS:
        raise PolicyFault("retention.floor_days is under one year (Government Code 34090.6)")
    if retention.schedule_days < retention.floor_days:
        raise PolicyFault("retention.schedule_days is under retention.floor_days")
    if not 1 <= retention.hold_review_days <= LONGEST_HOLD_REVIEW_DAYS:
        raise PolicyFault(f"retention.hold_review_days is not from 1 to {LONGEST_HOLD_REVIEW_DAYS}")
    if not 1 <= retention.backups_days <= LONGEST_BACKUP_DAYS:
        raise PolicyFault(f"retention.backups_days is not from 1 to {LONGEST_BACKUP_DAYS}")
    if not 1 <= retention.overdue_days <= LONGEST_OVERDUE_DAYS:
        raise PolicyFault(f"retention.overdue_days is not from 1 to {LONGEST_OVERDUE_DAYS}")
    if policy.sharing.kept_years < LEGAL_FILE_YEARS:
        raise PolicyFault("sharing.kept_years is under two years (Government Code 34090(d))")
    if not 0 <= policy.sharing.frame_margin_widths <= WIDEST_FRAME_MARGIN:
        raise PolicyFault(
            f"sharing.frame_margin_widths is not from 0 to {WIDEST_FRAME_MARGIN} plate widths"
        )
    if policy.access_records.kept_years < LEGAL_FILE_YEARS:
        raise PolicyFault("access_records.kept_years is under two years (Government Code 34090(d))")
    for name in ("bad_lines_share", "shrink_share"):
        if not 0 <= getattr(policy.hotlists, name) < 1:
            raise PolicyFault(f"hotlists.{name} is not a share from 0 to below 1")
    if not 1 <= policy.narrowness.days <= MOST_DAYS:
        raise PolicyFault(f"narrowness.days is not from 1 to {MOST_DAYS}")
    if not MIN_KNOWN_ALONE <= policy.narrowness.known_characters <= MAX_PLATE_CHARACTERS:
        raise PolicyFault(
            f"narrowness.known_characters is not from {MIN_KNOWN_ALONE} to {MAX_PLATE_CHARACTERS}"
        )
    _check_devices(policy.devices, retention)
    if policy.audits.period_months not in PERIOD_MONTHS:
        raise PolicyFault("audits.period_months is not 1, 2, 3, 4, 6 or 12")
    if policy.audits.drawn_within_hours <= 0:
        raise PolicyFault("audits.drawn_within_hours is not above 0")
    if policy.limits.audit_behind_refuses_s <= 0:
        raise PolicyFault("limits.audit_behind_refuses_s is not above 0")
    if policy.limits.disclosed_finding <= 0:
        raise PolicyFault("limits.disclosed_finding is not above 0")
    if policy.limits.disclosed_refused < policy.limits.disclosed_finding:
        raise PolicyFault("limits.disclosed_refused is under limits.disclosed_finding")
    if not 1 <= policy.limits.limit_lifted_h <= LONGEST_LIFT_H:
        raise PolicyFault(f"limits.limit_lifted_h is not 1 to {LONGEST_LIFT_H}")
    if not 1 <= policy.limits.hits_without_purpose_h <= LONGEST_PATROL_H:
        raise PolicyFault(f"limits.hits_without_purpose_h is not 1 to {LONGEST_PATROL_H}")
    if both := policy.purposes.allowed & policy.purposes.prohibited.keys():
        raise PolicyFault(f"purposes both allowed and prohibited: {', '.join(sorted(both))}")
    if policy.purposes.patrol in policy.purposes.allowed:
        raise PolicyFault(
            "purposes.patrol is given to alerts alone: take it out of purposes.allowed"
        )
    _check_opens(policy.purposes)
    if faults := policy.cases.faults:
        raise PolicyFault(f"cases: {'; '.join(faults)}")
    try:
        check_names(policy.regions.packs)
    except RegionPackFault as exc:
        raise PolicyFault(f"regions.packs {exc}") from exc
    return policy


def _check_roles(policy: Policy) -> None:
    for role, permissions in policy.roles.items():
        if unknown := permissions - set(Permission):
            raise PolicyFault(f"roles.{role} names no permission: {', '.join(sorted(unknown))}")
    exclusive = policy.exclusive_roles
    if unknown := policy.accounts.two_to_reinvite - policy.roles.keys():
        raise PolicyFault(f"accounts.two_to_reinvite names no role: {', '.join(sorted(unknown))}")
    if unknown := exclusive.alone - policy.roles.keys():
        raise PolicyFault(f"exclusive_roles.alone names no role: {', '.join(sorted(unknown))}")
    for pair in sorted(exclusive.apart):
        if len(set(pair)) < 2 or not policy.roles.keys() >= set(pair):
            raise PolicyFault(f"exclusive_roles.apart is of two roles, not {' and '.join(pair)}")


def _check_opens(purposes: Purposes) -> None:
    """Raise PolicyFault unless the table of purposes lists every permission that needs a purpose.

    This includes permissions that need one on some routes only, or only for old hits.
    """
    named = [permission for row in purposes.opens for permission in row.permissions]
    if twice := {permission for permission in named if named.count(permission) > 1}:
        raise PolicyFault(f"purposes.opens names {', '.join(sorted(twice))} twice")
    if bare := {one for one in Permission if one.is_opened_by_purpose} - set(named):
        raise PolicyFault(f"purposes.opens does not say what opens {', '.join(sorted(bare))}")
    for row in purposes.opens:
        if not row.kinds:
            raise PolicyFault(
                f"purposes.opens has no purpose that opens {', '.join(sorted(row.permissions))}"
            )
        if unknown := row.kinds - purposes.allowed:
            raise PolicyFault(f"purposes.opens names {', '.join(sorted(unknown))}, not a purpose")


def _check_devices(devices: Devices, retention: Retention) -> None:
    if devices.live_within_s <= 0:
        raise PolicyFault("devices.live_within_s is not above 0")
    for kind in ("fixed", "vehicle"):
        hours = devices.may_buffer_h.get(kind)
        if hours is None or not 0 <= hours <= retention.floor_days * 24:
            raise PolicyFault(
                f"devices.may_buffer_h.{kind} is not from 0 to the hours of retention.floor_days"
            )
