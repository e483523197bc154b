"""The command line: serve, migrate, create the first administrator, rotate the key, release a lock."""

import asyncio

import click

from services.identity.actions import bootstrap, keys, revocation, rewrap
from services.identity.actions.bootstrap import FirstAdministrator, standalone
from services.identity.api.fields import USERNAME
from services.identity.settings import Settings
from services.identity.spec import SPEC
from shared.service.command import PERSON, Answer, by_name, command, person_of, run


def _username(_context: click.Context, _parameter: click.Parameter, text: str) -> str:
    username = text.strip().lower()
    if not USERNAME.fullmatch(username):
        raise click.BadParameter("3 to 32 letters, digits, dots, dashes and underscores")
    return username


OF_A_PERSON = click.Option(
    ["--username"], required=True, callback=_username, help="The username of the account."
)


@command(
    "bootstrap",
    OF_A_PERSON,
    click.Option(["--name"], help="The person's name; default: the username."),
    click.Option(["--title"], help="Their job title; default: that of the policy's designee."),
)
def _bootstrap(*, username: str, name: str | None, title: str | None) -> Answer:
    """Create the first ALPR administrator, and print their invitation."""
    first = asyncio.run(
        bootstrap.bootstrap(Settings(), username=username, name=name or username, title=title)
    )
    return _invited(
        first,
        f"Administrator {first.username} is invited until {first.expires_at:%Y-%m-%d %H:%M} UTC.",
    )


@command("deliver-invitation", OF_A_PERSON)
def _deliver_invitation(*, username: str) -> Answer:
    """Show an invitation, if no active person may deliver it."""
    given = asyncio.run(bootstrap.deliver_invitation(Settings(), username=username))
    return _invited(
        given,
        f"The invitation of {given.username} holds until {given.expires_at:%Y-%m-%d %H:%M} UTC.",
    )


def _invited(given: FirstAdministrator, text: str) -> Answer:
    """Return the answer that shows an invitation token."""
    return Answer(
        f"{text}\nInvitation token, shown this once: {given.invitation_token}",
        {
            "username": given.username,
            "invitation_token": given.invitation_token,
            "expires_at": given.expires_at.isoformat(),
        },
    )


@command(
    "rotate-key",
    click.Option(["--compromised"], is_flag=True, help="Old keys, and all tokens, end at once."),
)
def _rotate_key(*, compromised: bool) -> Answer:
    """Make a new signing key for tokens."""
    kid = asyncio.run(_rotated(compromised=compromised))
    text = (
        f"Key {kid} signs from now on; older ones, and all tokens, have ended."
        if compromised
        else f"Key {kid} signs in 30 s; older ones verify until their tokens are gone."
    )
    return Answer(text, {"kid": kid, "compromised": compromised})


async def _rotated(*, compromised: bool) -> str:
    async with standalone(Settings()) as identity:
        return await keys.rotate(identity, compromised=compromised)


@command(
    "release-lock",
    OF_A_PERSON,
    click.Option(["--reason"], required=True, help="Who asks, and why; the audit log records it."),
    click.Option(
        ["--invite"],
        is_flag=True,
        help="Invite them to enrol anew: second factor or password lost.",
    ),
)
def _release_lock(*, username: str, reason: str, invite: bool) -> Answer:
    """Release an administrator's account that no other administrator can release."""
    given = asyncio.run(
        bootstrap.release_lock(Settings(), username=username, reason=reason, invite=invite)
    )
    finding = "An auditor works the finding of it; the person released cannot."
    if given is None:
        return Answer(f"Account {username} is released. {finding}", {"username": username})
    until = f"{given.expires_at:%Y-%m-%d %H:%M} UTC"
    return _invited(given, f"{given.username} is invited anew until {until}. {finding}")


@command("announce-revocation", click.Argument(["revocation"]))
def _announce_revocation(*, revocation: str) -> Answer:
    """Announce a revocation to every service, as `python -m shared.core.offline_root revoke` prints it."""
    return asyncio.run(_announced(revocation))


async def _announced(text: str) -> Answer:
    async with standalone(Settings()) as identity:
        event = await revocation.announce_revocation(identity, text)
    return Answer(
        f"Certificate {event.serial} for {event.usage} is revoked; every service is notified.",
        {"serial": event.serial, "usage": event.usage},
    )


@command("rewrap", *PERSON)
def _rewrap(**who: str) -> Answer:
    """Seal all secrets with the current key-encryption key."""
    return asyncio.run(_rewrapped(who))


async def _rewrapped(who: dict[str, str]) -> Answer:
    async with standalone(Settings()) as identity:
        actor = person_of(who, identity.policy.department.ori)
        done = (await rewrap.rewrap(identity, actor, who["reason"])).counts
        used = await rewrap.usage(identity)
    sealed = f"{done['signing_key']} signing keys and {done['second_factor']} second factors"
    usage = _usage(used)
    return Answer(
        f"Sealed anew with key {used.current}: {sealed}.\n{usage.text}",
        {**usage.data, "sealed_anew": dict(done)},
    )


@command("key-usage")
def _key_usage() -> Answer:
    """Show how many secrets each key-encryption key seals."""
    return asyncio.run(_used())


async def _used() -> Answer:
    async with standalone(Settings()) as identity:
        return _usage(await rewrap.usage(identity))


def _usage(used: rewrap.Usage) -> Answer:
    lines = []
    for name, count in used.counts.items():
        if name == used.current:
            note = "seals"
        elif name in used.unused:
            note = f"nothing needs it; unless it is yet to seal, take it out of {rewrap.SETTING}"
        else:
            note = "still needed"
        lines.append(f"key {name}: {count} secrets, {note}")
    data = {"current": used.current, "secrets": dict(used.counts), "unused": list(used.unused)}
    return Answer("\n".join(lines), data)


COMMANDS = by_name(
    _bootstrap,
    _deliver_invitation,
    _rotate_key,
    _announce_revocation,
    _rewrap,
    _key_usage,
    _release_lock,
)

if __name__ == "__main__":
    run(SPEC, COMMANDS)
