"""The results of the demonstration; the table, the report and the last line show them."""

from dataclasses import dataclass, field
from datetime import datetime

from local.demo.truth import TruePlate, folded_share


class StepFailed(Exception):
    """A step failed; the message names the step and the failure."""


@dataclass(frozen=True)
class Box:
    """Upright bounds in px of the frame."""

    x: int
    y: int
    w: int
    h: int


@dataclass(frozen=True)
class Frame:
    """One picture for a camera to post. `truth` is empty if unknown."""

    name: str
    content: bytes
    media_type: str
    truth: tuple[TruePlate, ...] = ()
    condition: str = ""
    film: str = ""
    """The film that it comes from; one camera posts all its frames."""


@dataclass(frozen=True)
class Read:
    """A plate as the system recorded it; `crop` is its picture, JPEG, from the API."""

    read_id: str
    capture_id: str
    plate: str
    confidence: float
    box: Box | None = None
    crop: bytes | None = None


@dataclass(frozen=True)
class Alert:
    """A hit on the officer's stream. Unverified: no person has checked it through CLETS yet."""

    hit_id: str
    capture_id: str
    plate_read: str
    plate_listed: str
    list_name: str
    record_kind: str
    tier: str
    status: str
    after_ms: float
    """From the start of the POST to the alert's arrival on the stream."""


@dataclass
class Sent:
    """A posted frame and its outcome."""

    frame: Frame
    capture_id: str
    device: str
    accepted_ms: float
    """From the start of the POST to the receipt."""
    outcome: str = ""
    """plates, no_plate or unreadable, from the record."""
    reads: list[Read] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)


@dataclass(frozen=True)
class Step:
    """One access through the API and its response."""

    who: str
    what: str
    purpose: str
    status: int
    answer: str
    person_id: str
    request_id: str
    kind: str = "access.attempted"
    """The kind of audit log entry that it must have written."""
    entry: int | None = None
    """The number of its audit log entry."""


@dataclass(frozen=True)
class Release:
    """A release to another agency, from request to verified package."""

    agency: str
    request_id: str
    requester: str
    approver: str
    reads: int
    images: int
    size_bytes: int
    sha256: str
    signed_by: str
    checks: tuple[str, ...]


@dataclass(frozen=True)
class AuditProof:
    """The audit log, recomputed here from its export."""

    ok: bool
    entries: int
    accesses: int
    refused: int
    root: str
    signed_by: str
    checks: tuple[str, ...]


@dataclass
class Story:
    """All results."""

    began_at: datetime
    source: str
    sent: list[Sent] = field(default_factory=list)
    listed: list[tuple[str, str]] = field(default_factory=list)
    """Plates on the hot list, with their record kind."""
    hot_list: str = ""
    accesses: list[Step] = field(default_factory=list)
    release: Release | None = None
    audit: AuditProof | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def reads(self) -> list[Read]:
        """All reads."""
        return [read for sent in self.sent for read in sent.reads]

    @property
    def alerts(self) -> list[Alert]:
        """All alerts."""
        return [alert for sent in self.sent for alert in sent.alerts]

    @property
    def folded(self) -> float | None:
        """Share of the true plates that were read, O, Q = 0 and I = 1; None without truth."""
        return folded_share([(s.frame.truth, [r.plate for r in s.reads]) for s in self.sent])

    def summary(self) -> dict[str, object]:
        """Return the last line that the demonstration prints."""
        times = sorted(alert.after_ms for alert in self.alerts)
        line: dict[str, object] = {
            "frames": len(self.sent),
            "reads": len(self.reads),
            "hits": len(self.alerts),
            "alert_ms_p50": percentile(times, 50),
            "alert_ms_p95": percentile(times, 95),
            "accesses": self.audit.accesses if self.audit else 0,
            "audit_ok": self.audit is not None and self.audit.ok,
        }
        if self.folded is not None:
            line["folded"] = round(self.folded, 4)
        return line


def percentile(ordered: list[float], percent: float) -> float | None:
    """Return the nearest-rank percentile of ordered values, rounded to 0.1; None if there are none."""
    if not ordered:
        return None
    rank = max(1, -(-len(ordered) * percent // 100))
    return round(ordered[int(rank) - 1], 1)
