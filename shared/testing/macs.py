"""MAC keys for tests: one for each service, the same in every run."""

from base64 import b64encode
from hashlib import sha256

from shared.kafka.event_mac import MacKey
from shared.kafka.topics import TOPICS

AUDITED_SERVICES = sorted(
    {service for topic in TOPICS.values() if topic.audited for service in topic.producers}
)


def mac_key_text(service: str) -> str:
    """Return a service's EVENT_MAC_KEY."""
    return b64encode(sha256(f"test key of {service}".encode()).digest()).decode()


def mac_key(service: str) -> MacKey:
    """Return a service's key."""
    return MacKey(service, sha256(f"test key of {service}".encode()).digest())


def all_mac_keys() -> str:
    """Return AUDIT_EVENT_MAC_KEYS with every service's key."""
    return " ".join(f"{service}:{mac_key_text(service)}" for service in AUDITED_SERVICES)


def maker_of(topic: str, service: str | None) -> str:
    """Return the maker of a test's event of `topic`: `service` if it is a producer of it, else the first producer."""
    producers = TOPICS[topic].producers
    return service if service in producers else min(producers)
