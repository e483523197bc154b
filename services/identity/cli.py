"""The command line: serve, make the first administrator, rotate the key, release a lock."""

import argparse
import asyncio
import sys
from collections.abc import Sequence

from services.identity.actions import keys
from services.identity.actions.bootstrap import bootstrap, release_lock, standalone
from services.identity.api.fields import USERNAME
from services.identity.main import main
from services.identity.settings import Settings
from shared.errors import AlprError


def run(arguments: Sequence[str] | None = None) -> None:
    """Do what the command line says; exits 1 with the reason when a rule refuses it."""
    chosen = _parser().parse_args(arguments)
    if chosen.command is None:
        main()
        return
    try:
        print(asyncio.run(_COMMANDS[chosen.command](Settings(), chosen)))
    except AlprError as exc:
        sys.exit(f"{chosen.command}: {exc.detail}")


async def _bootstrap(settings: Settings, chosen: argparse.Namespace) -> str:
    first = await bootstrap(
        settings, username=chosen.username, name=chosen.name or chosen.username, title=chosen.title
    )
    return (
        f"Administrator {first.username} is invited until {first.expires_at:%Y-%m-%d %H:%M} UTC.\n"
        f"Invitation token, shown this once: {first.invitation_token}"
    )


async def _rotate_key(settings: Settings, chosen: argparse.Namespace) -> str:
    async with standalone(settings) as identity:
        kid = await keys.rotate(identity, compromised=chosen.compromised)
    if chosen.compromised:
        return f"Key {kid} signs from now on; older ones, and all tokens, have ended."
    return f"Key {kid} signs in 30 s; older ones verify until their tokens are gone."


async def _release_lock(settings: Settings, chosen: argparse.Namespace) -> str:
    await release_lock(settings, username=chosen.username)
    return f"Account {chosen.username} is released."


_COMMANDS = {
    "bootstrap": _bootstrap,
    "rotate-key": _rotate_key,
    "release-lock": _release_lock,
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m services.identity")
    commands = parser.add_subparsers(dest="command", metavar="command")
    first = commands.add_parser("bootstrap", help="create the first ALPR administrator")
    first.add_argument("--username", required=True, type=_username)
    first.add_argument("--name", help="the person's name; the username if left out")
    first.add_argument("--title", help="their job title; the policy's designee if left out")
    rotate = commands.add_parser("rotate-key", help="make a new signing key")
    rotate.add_argument(
        "--compromised", action="store_true", help="old keys, and all tokens, end at once"
    )
    release = commands.add_parser("release-lock", help="unlock an account")
    release.add_argument("--username", required=True, type=_username)
    return parser


def _username(text: str) -> str:
    username = text.strip().lower()
    if not USERNAME.fullmatch(username):
        raise argparse.ArgumentTypeError("3 to 32 letters, digits, dots, dashes and underscores")
    return username
