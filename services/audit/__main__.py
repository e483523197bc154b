"""`python -m services.audit` serves; with a command, such as `verify`, it runs the command and ends."""

from services.audit.actions import commands
from services.audit.spec import SPEC
from shared.core.signed_notes import BadNote
from shared.service.command import Command, declare_person, run

COMMANDS = {
    "verify": Command(
        "recompute the log in the database",
        commands.verify_command,
        commands.declare_verify,
        faults=(BadNote,),
    ),
    "verify-export": Command(
        "recompute an exported log",
        commands.verify_export_command,
        commands.declare_export_file,
        faults=(BadNote,),
    ),
    "redraw": Command(
        "verify an exported log and draw its audits' samples again",
        commands.redraw_command,
        commands.declare_export_file,
        faults=(BadNote,),
    ),
    "export": Command(
        "write the log as JSON lines",
        commands.export_command,
        commands.declare_export,
        faults=(BadNote,),
    ),
    "rotate-key": Command(
        "change the signing key to AUDIT_NEXT_SIGNING_KEY; the log records the change",
        commands.rotate_command,
        declare_person,
        faults=(BadNote,),
    ),
    "keygen": Command(
        "make a signing key", commands.keygen_command, commands.declare_keygen, faults=(BadNote,)
    ),
}

if __name__ == "__main__":
    run(SPEC, COMMANDS)
