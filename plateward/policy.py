"""`plateward verify-policy`: whether services would start with a policy file."""

from pathlib import Path

import click

from shared.core.policy import PolicyFault, load_policy
from shared.service.command import FAULT, Answer, command

FILE = click.Argument(
    ["file"], type=click.Path(path_type=Path), envvar="POLICY_FILE", default="policy.toml"
)


@command("verify-policy", FILE)
def verify_policy_command(*, file: Path) -> Answer:
    """Load FILE as services do, and show its version and digest, or what is wrong with it.

    Without FILE: POLICY_FILE, or else policy.toml. It changes nothing, and needs no service.
    """
    try:
        policy = load_policy(file)
    except PolicyFault as exc:
        return Answer(
            f"services do not start with it: {exc}", {"ok": False, "fault": str(exc)}, FAULT
        )
    return Answer(
        f"{file}: version {policy.version}, SHA-256 {policy.digest}",
        {"ok": True, "version": policy.version, "digest": policy.digest},
    )
