"""The consumer of every audited topic: it appends the raw messages of a whole poll in one commit."""

from services.audit.actions.writer import Writer
from services.audit.settings import GROUP
from shared.kafka.consumer import WholeSubscription
from shared.kafka.topics import TOPICS

AUDITED = frozenset(topic.event for topic in TOPICS.values() if topic.audited)


def subscriptions(writer: Writer, batch: int) -> list[WholeSubscription]:
    """Return audit's one subscription."""
    return [WholeSubscription(GROUP, AUDITED, writer.append, max_records=batch)]
