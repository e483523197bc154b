"""How long a device may keep captures back, and what comes late (ADR-0032)."""

from datetime import timedelta

from services.ingest.domain.devices import Device
from shared.core.errors import InvalidInput
from shared.core.policy import Devices


def check_buffer(device: Device, rules: Devices) -> None:
    """Hold a device's registration to the policy. Raises: InvalidInput, with what is allowed."""
    most_h = rules.may_buffer_h[device.kind.value]
    if device.may_buffer_h > most_h:
        raise InvalidInput(
            f"a device of the kind {device.kind.value} may keep captures back for {most_h:g} hours at most"
            " ([devices.may_buffer_h] of the policy)",
            field="may_buffer_h",
        )


def may_take(device: Device, rules: Devices) -> timedelta:
    """Return how long after its capture something of this device is still in time.

    The policy of today bounds what a device was registered with; nothing that is live is late.
    """
    hours = min(device.may_buffer_h, rules.may_buffer_h[device.kind.value])
    return max(timedelta(hours=hours), timedelta(seconds=rules.live_within_s))
