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
from shared.core.permissions import Permission
from shared.core.plates import MAX_PLATE_CHARACTERS
from shared.core.policy_faults import LEGAL_FILE_YEARS, faults_of
from shared.core.region_packs import DEFAULT
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

    security_key_for: frozenset[str] = frozenset()
    """Roles whose rights a person has only in sessions that a security key opened."""


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
    if fault := next(faults_of(policy), None):
        raise PolicyFault(fault)
    return policy
