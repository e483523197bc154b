"""How long a device may keep captures back, which are late (ADR-0032), and which no longer live (ADR-0055)."""

from datetime import datetime, timedelta

from services.ingest.domain.devices import Device
from services.ingest.domain.problem_codes import Code
from shared.core.errors import InvalidInput
from shared.core.policy import Devices
from shared.events.read_rules import is_late


def check_buffer(device: Device, rules: Devices) -> None:
    """Check a device's registration against the policy. Raises: InvalidInput, naming the maximum."""
    most_h = rules.may_buffer_h[device.kind.value]
    if device.may_buffer_h > most_h:
        raise InvalidInput(
            Code.DEVICE_BUFFER_TOO_LONG, field="may_buffer_h", kind=device.kind, most_h=most_h
        )


def may_buffer(device: Device, rules: Devices) -> timedelta:
    """Return how long after its capture a read or frame of this device is in time.

    The current policy bounds the registered time; live captures are never late.
    """
    hours = min(device.may_buffer_h, rules.may_buffer_h[device.kind.value])
    return max(timedelta(hours=hours), timedelta(seconds=rules.live_within_s))


def is_live(captured_at: datetime, arrived_at: datetime, live_within: timedelta) -> bool:
    """Whether a capture arrived soon enough to alert an officer; others use topics of their own."""
    return not is_late(captured_at, arrived_at, live_within)
