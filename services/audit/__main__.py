"""`python -m services.audit` serves; with a command, such as `verify`, it runs the command and ends."""

from collections.abc import Callable, Sequence

from services.audit.actions import commands
from services.audit.spec import SPEC
from shared.service.command import Command, run


def _called(name: str) -> Callable[[Sequence[str]], int]:
    return lambda words: commands.run([name, *words])


COMMANDS = {name: Command(text, _called(name)) for name, text in commands.HELP.items()}

if __name__ == "__main__":
    run(SPEC, COMMANDS)
