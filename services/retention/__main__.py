"""`python -m services.retention` serves; with a command, it runs that and exits."""

from services.retention.actions.rotate_key import rotate_command
from services.retention.actions.verify_package import verify_command
from services.retention.spec import SPEC
from shared.service.command import Command, run

COMMANDS = {
    "verify-package": Command("verify a package offline; needs no settings", verify_command),
    "rotate-key": Command(
        "sign from now on with RETENTION_NEXT_SIGNING_KEY, on record", rotate_command
    ),
}

if __name__ == "__main__":
    run(SPEC, COMMANDS)
