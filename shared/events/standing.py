"""How far the audit log is, and which policy is in force: what services hold each other to."""

from datetime import datetime
from typing import ClassVar

from shared.events.base import AdministrativeEvent, Event


class LogCovered(Event, frozen=True, kw_only=True, omit_defaults=True):
    """Every event that Kafka had of an audited topic at `covered_until` is in the audit log."""

    TOPIC: ClassVar[str] = "alpr.log.covered"

    covered_until: datetime

    @property
    def key(self) -> str:
        """One and the same: the newest is what counts."""
        return "log"


class PolicyLoaded(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A service started with this policy."""

    TOPIC: ClassVar[str] = "alpr.policy.loaded"

    service: str
    digest: str  # SHA-256 of the policy's canonical JSON, hexadecimal
    version: str  # as the policy file names it

    @property
    def key(self) -> str:
        """The service: of each the newest counts."""
        return self.service


class PolicyAcknowledged(AdministrativeEvent, frozen=True, kw_only=True, omit_defaults=True):
    """Somebody who answers for the policy has read the one with this digest."""

    TOPIC: ClassVar[str] = "alpr.policy.acknowledged"

    digest: str
    role: str  # alpr_administrator or auditor

    @property
    def key(self) -> str:
        """The policy."""
        return self.digest
