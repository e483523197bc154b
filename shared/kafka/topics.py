"""The registry of topics: producers, consumers, partitions, retention.

An architecture test checks that the code produces and consumes topics as declared here.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from shared import events
from shared.events import Event

DAY_S = 86_400

MANY = 24
"""Partitions of the topics of frames and reads: as many consumers of each can work at once."""

ON_ONE_BROKER = 4
"""The most partitions of a topic on a single broker, where more cost without a gain (ADR-0003)."""

AUDITOR = "audit"
"""The service that appends audited events to the log, and watches the disks of Kafka's brokers."""

GUARDED = frozenset({"ingest", "hotlist", "retention", "release", AUDITOR, "identity"})
"""The services with routes for people (`Kind.API`): they replay keys and accounts, and record each access."""


@dataclass(frozen=True)
class Topic:
    """One topic and its rules."""

    event: type[Event]
    producers: frozenset[str]
    consumers: frozenset[str] = field(default_factory=frozenset)
    partitions: int = 4
    retention_s: int = 7 * DAY_S
    audited: bool = False
    """Whether the audit service appends its events to the log."""
    replayed: bool = False
    """Whether every starting process reads it from the start; it is then compacted by key, never trimmed."""
    followed: bool = False
    """Whether its consumers read it without a consumer group, each process all of it, audit's log excepted."""
    fleeting: bool = False
    """Whether followers read only new events; later events replace earlier ones."""

    @property
    def name(self) -> str:
        """The topic's name in Kafka: alpr.<noun>.<past participle>."""
        return self.event.TOPIC

    def partitions_on(self, brokers: int) -> int:
        """Return the number of its partitions in a cluster of `brokers` brokers."""
        return self.partitions if brokers > 1 else min(self.partitions, ON_ONE_BROKER)

    @property
    def workers(self) -> frozenset[str]:
        """The consumers that process it in consumer groups, and may dead-letter its events."""
        if self.followed:
            return self.consumers & {AUDITOR} if self.audited else frozenset()
        return self.consumers

    @property
    def in_groups(self) -> frozenset[str]:
        """The consumers that process it in consumer groups, one group each; the others follow it."""
        return self.workers & {AUDITOR} if self.replayed else self.workers

    @property
    def is_trimmed(self) -> bool:
        """Whether an event is deleted once every consumer has processed it."""
        return bool(self.consumers) and not self.replayed and not self.followed

    @property
    def dead(self) -> str:
        """Topic of its dead letters, each with its reason."""
        return f"{self.name}.dead"


Services = str | frozenset[str]
"""Names of services: separated by spaces, or a set."""


def _topic(
    event: type[Event], producers: Services, consumers: Services = "", **rules: object
) -> Topic:
    readers = _names(consumers)
    if rules.get("audited"):
        readers |= {AUDITOR}
    if rules.get("replayed"):
        readers |= GUARDED
    return Topic(event, _names(producers), readers, **rules)  # type: ignore[arg-type]


def _names(services: Services) -> frozenset[str]:
    return frozenset(services.split()) if isinstance(services, str) else services


TOPICS: dict[str, Topic] = {
    topic.name: topic
    for topic in (
        _topic(events.CaptureReceived, "ingest", "recognition", partitions=MANY),
        _topic(events.CaptureBackfilled, "ingest", "recognition", partitions=MANY),
        _topic(events.ReadsRecorded, "ingest", "hotlist retention", partitions=MANY),
        _topic(events.ReadsBackfilled, "ingest", "hotlist retention", partitions=MANY),
        _topic(events.ReadsRecognised, "recognition", "hotlist retention", partitions=MANY),
        _topic(events.BackfillRecognised, "recognition", "hotlist retention", partitions=MANY),
        _topic(events.CaptureProcessed, "recognition", "retention"),
        _topic(events.PassesRecorded, "retention", "hotlist"),
        _topic(events.ReadContradicted, "retention", audited=True),
        _topic(events.ReadCorrected, "retention", "hotlist", audited=True),
        _topic(events.HotListChanged, "hotlist", audited=True),
        _topic(events.HotListActivated, "hotlist", audited=True),
        _topic(events.HitRaised, "hotlist", "retention", audited=True),
        _topic(events.HitAcknowledged, "hotlist", audited=True),
        _topic(events.HitVerified, "hotlist", "retention", audited=True),
        _topic(events.AlertsUnchecked, "hotlist", audited=True),
        _topic(events.HitDisposed, "hotlist", "retention", audited=True),
        _topic(events.AccessAttempted, GUARDED, audited=True),
        _topic(events.RecordsDisclosed, GUARDED, audited=True),
        _topic(events.RefusalsCounted, GUARDED, audited=True),
        _topic(events.PurposeDeclared, "identity", audited=True),
        _topic(events.PurposeChecked, "identity", audited=True),
        _topic(events.CaseNumbersImported, "identity", audited=True),
        _topic(events.KeyPublished, "identity", partitions=1, replayed=True, audited=True),
        _topic(events.CertificateRevoked, "identity", partitions=1, replayed=True, audited=True),
        _topic(
            events.IdentityTicked,
            "identity",
            GUARDED,
            partitions=1,
            retention_s=3600,
            followed=True,
            fleeting=True,
        ),
        _topic(events.IssuerMisused, "identity", audited=True),
        _topic(events.AccountChanged, "identity", partitions=1, replayed=True, audited=True),
        _topic(events.SecretsRewrapped, "identity", audited=True),
        _topic(events.SessionChanged, "identity", audited=True),
        _topic(events.TrainingRecorded, "identity", audited=True),
        _topic(events.LimitLifted, "identity", audited=True),
        _topic(events.DeviceChanged, "ingest", "ingest", audited=True, followed=True),
        _topic(events.DeviceSilenced, "ingest", audited=True),
        _topic(events.HoldChanged, "retention", audited=True),
        _topic(events.EvidenceChanged, "retention", audited=True),
        _topic(events.EvidenceBooked, "retention", audited=True),
        _topic(events.EvidenceCustodyRecorded, "retention", audited=True),
        _topic(events.PurgeChanged, "retention", audited=True),
        _topic(events.PurgeMissed, "retention", audited=True),
        _topic(events.RecordsPurged, "retention", "hotlist ingest", audited=True),
        _topic(events.ReleaseRequested, "release", audited=True),
        _topic(events.ReleaseChanged, "release", audited=True),
        _topic(events.ReleaseApproved, "release", "retention", audited=True),
        _topic(events.ReleaseDenied, "release", audited=True),
        _topic(events.ReleasePackaged, "retention", "release", audited=True),
        _topic(events.ReleaseFailed, "retention", "release", audited=True),
        _topic(events.ReleaseReceived, "release", audited=True),
        _topic(events.ReleaseLapsed, "release", "retention"),
        _topic(events.ReleaseFreed, "retention", "release"),
        _topic(events.ReleaseDestroyed, "release", audited=True),
        _topic(events.DocumentDestroyed, "release", audited=True),
        _topic(events.AgencyChanged, "release", audited=True),
        _topic(
            events.CheckpointSigned,
            "audit",
            "ingest retention release",
            partitions=1,
            retention_s=365 * DAY_S,
            followed=True,
        ),
        _topic(
            events.LogCovered, "audit", GUARDED, partitions=1, retention_s=29 * DAY_S, followed=True
        ),
        _topic(
            events.PolicyLoaded,
            GUARDED | {"recognition"},
            "recognition",
            partitions=1,
            replayed=True,
            audited=True,
            followed=True,
        ),
        _topic(events.PolicyAcknowledged, "audit", audited=True),
        _topic(events.FindingRaised, "audit", audited=True),
        _topic(events.FindingChanged, "audit", audited=True),
        _topic(events.AuditChanged, "audit", audited=True),
        _topic(events.PeriodFixed, "audit", audited=True),
        _topic(events.MonthCounted, "hotlist retention", audited=True),
        _topic(events.SigningKeyChanged, "audit retention", audited=True),
        _topic(events.ValuesErased, "audit", audited=True),
        _topic(events.ValuesExported, "audit", audited=True),
        _topic(events.LogClosed, "audit", audited=True),
        _topic(events.LogDestroyed, "audit", audited=True),
        _topic(events.BackupMade, "audit", audited=True),
        _topic(events.BackupRestored, "audit", audited=True),
        _topic(events.ExportBegun, "audit", audited=True),
        _topic(events.ExportMade, "audit", audited=True),
        _topic(events.ExportImported, "audit", audited=True),
    )
}

AUDITED = frozenset(topic.name for topic in TOPICS.values() if topic.audited)
"""Names of the topics whose events the audit service appends to its log."""


def named(topics: Iterable[str]) -> str:
    """Return the topic of a batch for its span: its name, or `several topics`."""
    found = set(topics)
    return found.pop() if len(found) == 1 else "several topics"


def topic_of(event: type[Event]) -> Topic:
    """Return the registered topic of an event type. Raises: KeyError if it is not registered."""
    return TOPICS[event.TOPIC]
