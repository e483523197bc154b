"""The commands of `plateward`, each by the module that defines it."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module

import click

from shared.service.command import EPILOG, Unfinished


@dataclass(frozen=True)
class Entry:
    """One command: its line in the help, and where it is defined."""

    help: str
    homes: tuple[str, ...]
    """Modules and names, the first that is there counts: `module:NAME`, or `module:TABLE.name` for a table's entry."""

    otherwise: str
    """Where a person finds the command, if this place holds none of its modules."""


CHECKOUT = "run it in a checkout of the repository"

COMMANDS: Mapping[str, Entry] = {
    "serve": Entry(
        "Run the embedded stack; in an image, its service.",
        ("local.__main__:serve_command", "plateward.image:serve_command"),
        CHECKOUT,
    ),
    "demo": Entry(
        "Show the main job, end to end, on the embedded stack.",
        ("local.demo.__main__:demo_command",),
        CHECKOUT,
    ),
    "bootstrap": Entry(
        "Create the first ALPR administrator, and print their invitation.",
        (
            "local.commands.administer:COMMANDS.bootstrap",
            "services.identity.__main__:COMMANDS.bootstrap",
        ),
        "run it in a container of identity",
    ),
    "deliver-invitation": Entry(
        "Show an invitation, if no active person may deliver it.",
        (
            "local.commands.administer:COMMANDS.deliver-invitation",
            "services.identity.__main__:COMMANDS.deliver-invitation",
        ),
        "run it in a container of identity",
    ),
    "release-lock": Entry(
        "Release an administrator's account that no other administrator can release.",
        (
            "local.commands.administer:COMMANDS.release-lock",
            "services.identity.__main__:COMMANDS.release-lock",
        ),
        "run it in a container of identity",
    ),
    "rotate-key": Entry(
        "Change a signing key: of tokens, of the audit log, or of packages.",
        ("plateward.rotation:ROTATE_KEY",),
        CHECKOUT,
    ),
    "migrate": Entry(
        "Bring the tables of a service up to date.",
        ("plateward.migration:migrate_command",),
        CHECKOUT,
    ),
    "status": Entry(
        "Show services, lag, ages of hot lists, the last checkpoint and disks.",
        ("plateward.status_command:status_command",),
        CHECKOUT,
    ),
    "dead-letters": Entry(
        "List the events that could not be processed, or replay a topic's.",
        ("plateward.dead_letters:dead_letters_command",),
        CHECKOUT,
    ),
    "feed": Entry(
        "Deliver the extracts that come to a folder to their hot list.",
        ("plateward.feed:feed_command",),
        CHECKOUT,
    ),
    "pictures": Entry(
        "Post the pictures that cameras put in folders, as they come.",
        ("plateward.pictures:pictures_command",),
        CHECKOUT,
    ),
    "notices": Entry(
        "List findings' notices that were not delivered; replay them, or send a test.",
        ("local.commands.administer:NOTICES", "services.audit.__main__:COMMANDS.notices"),
        "run it in a container of audit",
    ),
    "alert-notices": Entry(
        "List urgent alerts' notices that were not delivered; replay them, or send a test.",
        (
            "local.commands.administer:ALERT_NOTICES",
            "services.hotlist.__main__:COMMANDS.alert-notices",
        ),
        "run it in a container of hotlist",
    ),
    "verify-policy": Entry(
        "Load a policy file as services do, and name its fault.",
        ("plateward.policy:verify_policy_command",),
        CHECKOUT,
    ),
    "verify-audit": Entry(
        "Recompute the audit log: its chain, root and checkpoints.",
        ("local.commands.verify_audit:VERIFY_AUDIT", "services.audit.__main__:COMMANDS.verify"),
        "run it in a container of audit",
    ),
    "verify-package": Entry(
        "Verify a package offline, and whether it was booked.",
        ("services.retention.__main__:COMMANDS.verify-package",),
        "run it in a container of retention",
    ),
    "verify-certificate": Entry(
        "Verify a certificate of destruction offline, and its purge list.",
        ("services.retention.__main__:COMMANDS.verify-certificate",),
        "run it in a container of retention",
    ),
    "verify-report": Entry(
        "Verify the report of an audit offline, by an export of the log.",
        ("services.audit.__main__:COMMANDS.verify-report",),
        "run it in a container of audit",
    ),
    "accuracy": Entry(
        "Count how well plates are read at each camera, by verified hits.",
        ("plateward.accuracy:accuracy_command",),
        CHECKOUT,
    ),
    "backup": Entry(
        "Back up database, objects and sealed keys, as of one moment.",
        ("local.backup.commands:COMMANDS.backup",),
        CHECKOUT,
    ),
    "verify-backup": Entry(
        "Compare every file of a backup with its digest.",
        ("local.backup.commands:COMMANDS.verify-backup",),
        CHECKOUT,
    ),
    "restore": Entry(
        "Restore a backup into an empty installation, and prove its audit log.",
        ("local.backup.commands:COMMANDS.restore",),
        CHECKOUT,
    ),
    "rewind-consumers": Entry(
        "Set consumer groups back to the offsets of a backup.",
        ("local.backup.commands:COMMANDS.rewind-consumers",),
        CHECKOUT,
    ),
    "backup-key": Entry(
        "Make the key pair to which backups seal keys.",
        ("local.backup.commands:COMMANDS.backup-key",),
        CHECKOUT,
    ),
    "export": Entry(
        "Export everything that the department has, in open formats, signed.",
        ("local.export.commands:COMMANDS.export",),
        CHECKOUT,
    ),
    "verify-export": Entry(
        "Verify an export offline: every file, and the audit log's root.",
        ("local.export.commands:COMMANDS.verify-export",),
        CHECKOUT,
    ),
    "import": Entry(
        "Import an export into an empty installation, and prove its audit log.",
        ("local.export.commands:COMMANDS.import",),
        CHECKOUT,
    ),
    "openapi": Entry(
        "Write the OpenAPI document of each service to docs/openapi.",
        ("deploy.openapi:openapi_command",),
        CHECKOUT,
    ),
    "completion": Entry(
        "Print the script that completes commands in a shell.",
        ("plateward.completion:completion_command",),
        CHECKOUT,
    ),
}
"""In the order of the help."""


class Catalogue(click.Group):
    """A group that imports a command when it is used, and no sooner."""

    def __init__(self, name: str, entries: Mapping[str, Entry], text: str) -> None:
        super().__init__(name, help=text, epilog=EPILOG, no_args_is_help=True)
        self._entries = entries

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return list(self._entries)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command. Raises: Unfinished if it is not in this place."""
        entry = self._entries.get(cmd_name)
        return None if entry is None else command_of(cmd_name, entry)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the line of each command, without importing it."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in self._entries.items()])


def command_of(name: str, entry: Entry) -> click.Command:
    """Import and return a command. Raises: Unfinished if it is not in this place."""
    for home in entry.homes:
        module, _, place = home.partition(":")
        try:
            found = import_module(module)
        except ModuleNotFoundError as exc:
            if not _is_absent(module, exc.name):
                raise
            continue
        table, _, key = place.partition(".")
        command = getattr(found, table)
        return _checked(command[key] if key else command)
    raise Unfinished(f"`{name}` is not in this image: {entry.otherwise}")


def _is_absent(module: str, missing: str | None) -> bool:
    """Whether what an import did not find is the module's own folder, which an image lacks."""
    return missing is not None and f"{module}.".startswith(f"{missing}.")


def _checked(command: object) -> click.Command:
    if not isinstance(command, click.Command):
        message = f"{command!r} is not a command"
        raise TypeError(message)
    return command


PLATEWARD = Catalogue(
    "plateward",
    COMMANDS,
    "Plateward, an ALPR platform that a police department runs itself.\n\n"
    "`plateward COMMAND --help` explains a command.",
)
