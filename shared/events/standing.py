"""The progress of the audit log and the policy in force: each service checks those of the others."""

from datetime import datetime
from typing import ClassVar

from shared.events.base import AdministrativeEvent, Event


class LogCovered(Event, frozen=True, kw_only=True, omit_defaults=True):
    """The audit log contains every event of an audited topic that Kafka had at `covered_until`."""

    TOPIC: ClassVar[str] = "alpr.log.covered"

    covered_until: datetime

    @property
    def key(self) -> str:
        """A constant: only the newest event counts."""
        return "log"


class PolicyLoaded(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A service started with this policy."""

    TOPIC: ClassVar[str] = "alpr.policy.loaded"
    KEYED_BY: ClassVar[str] = "service"  # only its newest event counts

    service: str
    digest: str  # SHA-256 of the policy's canonical JSON, hexadecimal
    version: str  # as the policy file names it


class PolicyAcknowledged(AdministrativeEvent, frozen=True, kw_only=True, omit_defaults=True):
    """A person responsible for the policy has read the one with this digest."""

    TOPIC: ClassVar[str] = "alpr.policy.acknowledged"
    KEYED_BY: ClassVar[str] = "digest"

    digest: str
    role: str  # alpr_administrator or auditor
