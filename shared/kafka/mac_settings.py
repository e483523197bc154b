"""The key that makes the MACs of a service's audited events."""

from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.core.fields import SecretKey, key_bytes
from shared.kafka.event_mac import MacKey


class MacSettings(BaseSettings):
    """What whoever emits audited events reads from its environment."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    event_mac_key: SecretKey | None = None
    """Base64 of 32 random bytes, shared with audit alone: makes the MACs of this service's audited
    events (ADR-0022). Every service but the console needs it."""

    def mac_key_of(self, service: str) -> MacKey | None:
        """Return the key that makes the MACs of `service`, or None where none is set."""
        key = self.event_mac_key
        return None if key is None else MacKey(service, key_bytes(key))
