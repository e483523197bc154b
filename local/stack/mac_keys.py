"""Collects the MAC keys of the embedded stack's services for audit (ADR-0022)."""

from collections.abc import Mapping

from local.stack.key_material import MAC_KEYS

AUDITS = "AUDIT__AUDIT_EVENT_MAC_KEYS"


def audits_mac_keys(environment: Mapping[str, str]) -> dict[str, str]:
    """Return audit's setting with every service's key; empty if the environment has it already."""
    if AUDITS in environment or not set(MAC_KEYS) <= environment.keys():
        return {}
    keys = (f"{name.split('__')[0].lower()}:{environment[name]}" for name in MAC_KEYS)
    return {AUDITS: " ".join(keys)}
