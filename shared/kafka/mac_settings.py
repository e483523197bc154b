"""Setting for the key that computes the MACs of a service's audited events."""

from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.core.fields import SecretKey, key_bytes
from shared.kafka.event_mac import MacKey


class MacSettings(BaseSettings):
    """Settings of processes that emit audited events."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    event_mac_key: SecretKey | None = None
    """Base64 of 32 random bytes, shared with audit only: computes the MACs of this service's audited events (ADR-0022).
    Every service but the console needs it."""

    def mac_key_of(self, service: str) -> MacKey | None:
        """Return the key of `service` for its MACs, or None if none is set."""
        key = self.event_mac_key
        return None if key is None else MacKey(service, key_bytes(key))
