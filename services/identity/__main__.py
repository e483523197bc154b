"""The command line: serve, migrate, create the first administrator, rotate the key, release a lock."""

import argparse
import asyncio
import sys
from collections.abc import Callable, Sequence

from services.identity.actions import keys, revocation, rewrap
from services.identity.actions.bootstrap import (
    bootstrap,
    deliver_invitation,
    release_lock,
    standalone,
)
from services.identity.api.fields import USERNAME
from services.identity.settings import Settings
from services.identity.spec import SPEC
from shared.core.errors import AlprError
from shared.events import Actor
from shared.service import command
from shared.service.command import Command


def run(arguments: Sequence[str] | None = None) -> None:
    """Run the command that the arguments name; exit 1 with the reason if a rule refuses it."""
    command.run(SPEC, COMMANDS, arguments)


def _called(name: str) -> Callable[[Sequence[str]], int]:
    """Return a function that runs one command with the words after its name."""

    def run_it(words: Sequence[str]) -> int:
        chosen = _parser().parse_args([name, *words])
        try:
            print(asyncio.run(_COMMANDS[name](Settings(), chosen)))
        except AlprError as exc:
            sys.exit(f"{name}: {exc.detail}")
        return 0

    return run_it


async def _bootstrap(settings: Settings, chosen: argparse.Namespace) -> str:
    first = await bootstrap(
        settings, username=chosen.username, name=chosen.name or chosen.username, title=chosen.title
    )
    return (
        f"Administrator {first.username} is invited until {first.expires_at:%Y-%m-%d %H:%M} UTC.\n"
        f"Invitation token, shown this once: {first.invitation_token}"
    )


async def _deliver_invitation(settings: Settings, chosen: argparse.Namespace) -> str:
    given = await deliver_invitation(settings, username=chosen.username)
    return (
        f"The invitation of {given.username} holds until {given.expires_at:%Y-%m-%d %H:%M} UTC.\n"
        f"Invitation token, shown this once: {given.invitation_token}"
    )


async def _rotate_key(settings: Settings, chosen: argparse.Namespace) -> str:
    async with standalone(settings) as identity:
        kid = await keys.rotate(identity, compromised=chosen.compromised)
    if chosen.compromised:
        return f"Key {kid} signs from now on; older ones, and all tokens, have ended."
    return f"Key {kid} signs in 30 s; older ones verify until their tokens are gone."


async def _release_lock(settings: Settings, chosen: argparse.Namespace) -> str:
    given = await release_lock(
        settings, username=chosen.username, reason=chosen.reason, invite=chosen.invite
    )
    finding = "An auditor works the finding of it; the person released cannot."
    if given is None:
        return f"Account {chosen.username} is released. {finding}"
    return (
        f"{given.username} is invited anew until {given.expires_at:%Y-%m-%d %H:%M} UTC. {finding}\n"
        f"Invitation token, shown this once: {given.invitation_token}"
    )


async def _announce_revocation(settings: Settings, chosen: argparse.Namespace) -> str:
    async with standalone(settings) as identity:
        event = await revocation.announce_revocation(identity, chosen.revocation)
    return f"Certificate {event.serial} for {event.usage} is revoked; every service is notified."


async def _rewrap(settings: Settings, chosen: argparse.Namespace) -> str:
    async with standalone(settings) as identity:
        ori = identity.policy.department.ori
        actor = Actor(
            person_id=chosen.person_id, name=chosen.name, title=chosen.title, agency_ori=ori
        )
        done = (await rewrap.rewrap(identity, actor, chosen.reason)).counts
        used = await rewrap.usage(identity)
    sealed = f"{done['signing_key']} signing keys and {done['second_factor']} second factors"
    return f"Sealed anew with key {used.current}: {sealed}.\n{_usage_text(used)}"


async def _key_usage(settings: Settings, chosen: argparse.Namespace) -> str:
    async with standalone(settings) as identity:
        return _usage_text(await rewrap.usage(identity))


def _usage_text(used: rewrap.Usage) -> str:
    lines = []
    for name, count in used.counts.items():
        if name == used.current:
            note = "seals"
        elif name in used.unused:
            note = f"nothing needs it; unless it is yet to seal, take it out of {rewrap.SETTING}"
        else:
            note = "still needed"
        lines.append(f"key {name}: {count} secrets, {note}")
    return "\n".join(lines)


_COMMANDS = {
    "rewrap": _rewrap,
    "key-usage": _key_usage,
    "bootstrap": _bootstrap,
    "deliver-invitation": _deliver_invitation,
    "rotate-key": _rotate_key,
    "release-lock": _release_lock,
    "announce-revocation": _announce_revocation,
}

_HELP = {
    "bootstrap": "create the first ALPR administrator",
    "deliver-invitation": "show an invitation, if no active person may deliver it",
    "rotate-key": "make a new signing key",
    "announce-revocation": "announce a revocation by the offline root to every service",
    "rewrap": "seal all secrets with the current key-encryption key",
    "key-usage": "show how many secrets each key-encryption key seals",
    "release-lock": "release an administrator's account that no other administrator can release",
}

COMMANDS = {name: Command(text, _called(name)) for name, text in _HELP.items()}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m services.identity")
    commands = parser.add_subparsers(dest="command", metavar="command")
    made = {name: commands.add_parser(name, help=text) for name, text in _HELP.items()}
    first = made["bootstrap"]
    first.add_argument("--username", required=True, type=_username)
    first.add_argument("--name", help="the person's name; the username if left out")
    first.add_argument("--title", help="their job title; the policy's designee if left out")
    given = made["deliver-invitation"]
    given.add_argument("--username", required=True, type=_username)
    rotate = made["rotate-key"]
    rotate.add_argument(
        "--compromised", action="store_true", help="old keys, and all tokens, end at once"
    )
    revoked = made["announce-revocation"]
    revoked.add_argument(
        "revocation", help="as `python -m shared.core.offline_root revoke` prints it"
    )
    anew = made["rewrap"]
    anew.add_argument("--person-id", required=True, help="who has it done: account id")
    anew.add_argument("--name", required=True)
    anew.add_argument("--title", required=True)
    anew.add_argument("--reason", required=True, help="why; kept in the audit log")
    release = made["release-lock"]
    release.add_argument("--username", required=True, type=_username)
    release.add_argument("--reason", required=True, help="who asks, and why; kept in the audit log")
    release.add_argument(
        "--invite", action="store_true", help="have them enrol anew: second factor or password lost"
    )
    return parser


def _username(text: str) -> str:
    username = text.strip().lower()
    if not USERNAME.fullmatch(username):
        raise argparse.ArgumentTypeError("3 to 32 letters, digits, dots, dashes and underscores")
    return username


if __name__ == "__main__":
    run()
