"""Events as messages of Kafka, with a MAC or with another."""

from shared.kafka.codec import Message, encode
from shared.kafka.event_mac import MAC, with_mac
from shared.testing import mac_key


def message_of(event, source="retention"):
    record = with_mac(encode(event, source), mac_key(source))
    return Message(record.topic, 0, 0, record.key, record.value, dict(record.headers))


def with_right_mac(message, source="retention"):
    """Return the message with the MAC that `source` computes for it."""
    mac = mac_key(source).mac(message.topic, message.key, message.headers, message.value)
    return message._replace(headers={**message.headers, MAC: mac.encode()})
