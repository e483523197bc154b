"""`python -m services.hotlist` serves; `... migrate` brings its tables up to date; or it runs a command and ends."""

from services.hotlist.actions import commands
from services.hotlist.spec import SPEC
from shared.service.command import run

COMMANDS = commands.COMMANDS

if __name__ == "__main__":
    run(SPEC, COMMANDS)
