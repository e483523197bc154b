"""`python -m services.retention` serves; with a command, it runs that and exits."""

from services.retention.actions.rotate_key import rotate_command
from services.retention.actions.verify_package import declare_package, verify_command
from services.retention.domain.signing import KeyFault
from services.retention.spec import SPEC
from shared.core.signed_notes import BadNote
from shared.service.command import Command, declare_person, run

COMMANDS = {
    "verify-package": Command(
        "verify a package offline: whole, unchanged, by whom signed, and whether booked; needs no settings",
        verify_command,
        declare_package,
        faults=(KeyFault, BadNote),
    ),
    "rotate-key": Command(
        "sign from now on with RETENTION_NEXT_SIGNING_KEY, on record",
        rotate_command,
        declare_person,
        faults=(KeyFault,),
    ),
}

if __name__ == "__main__":
    run(SPEC, COMMANDS)
