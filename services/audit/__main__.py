"""`python -m services.audit` serves; with a command, such as `verify`, it runs the command and ends."""

from services.audit.actions import commands
from services.audit.spec import SPEC
from shared.service.command import run

COMMANDS = commands.COMMANDS

if __name__ == "__main__":
    run(SPEC, COMMANDS)
