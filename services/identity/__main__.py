"""The command line: serve, migrate, create the first administrator, rotate the key, release a lock."""

import argparse
import asyncio
from collections.abc import Callable, Coroutine

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
from shared.service.command import Command, declare_person, person_of, run


def _printed(
    work: Callable[[Settings, argparse.Namespace], Coroutine[None, None, str]],
) -> Callable[[argparse.Namespace], int]:
    """Return the command that prints what `work` returns."""

    def run_it(chosen: argparse.Namespace) -> int:
        print(asyncio.run(work(Settings(), chosen)))
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
        actor = person_of(chosen, identity.policy.department.ori)
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


def _declare_username(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--username", required=True, type=_username)


def _declare_bootstrap(parser: argparse.ArgumentParser) -> None:
    _declare_username(parser)
    parser.add_argument("--name", help="the person's name; the username if left out")
    parser.add_argument("--title", help="their job title; the policy's designee if left out")


def _declare_rotation(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--compromised", action="store_true", help="old keys, and all tokens, end at once"
    )


def _declare_revocation(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "revocation", help="as `python -m shared.core.offline_root revoke` prints it"
    )


def _declare_release(parser: argparse.ArgumentParser) -> None:
    _declare_username(parser)
    parser.add_argument("--reason", required=True, help="who asks, and why; kept in the audit log")
    parser.add_argument(
        "--invite", action="store_true", help="have them enrol anew: second factor or password lost"
    )


def _username(text: str) -> str:
    username = text.strip().lower()
    if not USERNAME.fullmatch(username):
        raise argparse.ArgumentTypeError("3 to 32 letters, digits, dots, dashes and underscores")
    return username


COMMANDS = {
    "bootstrap": Command(
        "create the first ALPR administrator", _printed(_bootstrap), _declare_bootstrap
    ),
    "deliver-invitation": Command(
        "show an invitation, if no active person may deliver it",
        _printed(_deliver_invitation),
        _declare_username,
    ),
    "rotate-key": Command("make a new signing key", _printed(_rotate_key), _declare_rotation),
    "announce-revocation": Command(
        "announce a revocation by the offline root to every service",
        _printed(_announce_revocation),
        _declare_revocation,
    ),
    "rewrap": Command(
        "seal all secrets with the current key-encryption key", _printed(_rewrap), declare_person
    ),
    "key-usage": Command(
        "show how many secrets each key-encryption key seals", _printed(_key_usage)
    ),
    "release-lock": Command(
        "release an administrator's account that no other administrator can release",
        _printed(_release_lock),
        _declare_release,
    ),
}

if __name__ == "__main__":
    run(SPEC, COMMANDS)
