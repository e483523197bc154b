"""What the vote on passes reports while it works, and the metrics that show it."""

from dataclasses import dataclass
from typing import Final

from prometheus_client import Counter, Gauge

_RECORDED: Final = Counter(
    "alpr_passes_recorded", "Passes that were voted on and published", ["agreed"]
)
_CONTRADICTED: Final = Counter(
    "alpr_reads_contradicted", "Camera reads that contradict another one"
)
_LATE: Final = Counter(
    "alpr_passes_late_reads", "Reads that arrived after their pass was published"
)
_WAITING: Final = Gauge(
    "alpr_passes_waiting", "Batches of reads that await the vote on their passes"
)
_READS_WAITING: Final = Gauge(
    "alpr_passes_waiting_reads", "Reads that await the vote on their passes"
)
_BEHIND: Final = Gauge(
    "alpr_passes_behind_seconds",
    "How far the vote is behind: the longest wait beyond RETENTION_PASS_SETTLE_S",
)


@dataclass(frozen=True, slots=True)
class Waiting:
    """What awaits the vote."""

    spans: int
    reads: int
    behind_s: float


@dataclass(frozen=True, slots=True)
class Voted:
    """What one transaction has decided."""

    agreed: int
    """Passes on whose plate all reads agree."""
    disagreed: int
    contradicted: int
    late: int
    """Reads that joined a pass that was published before."""


def show(progress: Waiting | Voted) -> None:
    """Show progress in `/metrics`."""
    if isinstance(progress, Waiting):
        _WAITING.set(progress.spans)
        _READS_WAITING.set(progress.reads)
        _BEHIND.set(progress.behind_s)
    else:
        _RECORDED.labels("yes").inc(progress.agreed)
        _RECORDED.labels("no").inc(progress.disagreed)
        _CONTRADICTED.inc(progress.contradicted)
        _LATE.inc(progress.late)
