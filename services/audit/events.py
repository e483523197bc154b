"""The consumer of every audited topic: it appends the raw messages of a whole poll in one commit."""

from services.audit.service import AuditService
from services.audit.settings import GROUP
from shared.kafka.consumer import RawSubscription
from shared.kafka.topics import TOPICS

GATHER_S = 0.25
"""Wait for a batch: delays an entry by this much, and appends several in one transaction where events come singly."""

AUDITED = frozenset(topic.event for topic in TOPICS.values() if topic.audited)


def subscriptions(audit: AuditService) -> list[RawSubscription]:
    """Return audit's one subscription."""
    batch = audit.settings.audit_batch_entries
    return [
        RawSubscription(GROUP, AUDITED, audit.writer.append, max_records=batch, gather_s=GATHER_S)
    ]
