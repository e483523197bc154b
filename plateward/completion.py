"""`plateward completion SHELL` prints the script that completes commands and options."""

import click
from click.shell_completion import get_completion_class

from shared.service.command import Answer, Unfinished, command

SHELLS = ("bash", "zsh", "fish")
VARIABLE = "_PLATEWARD_COMPLETE"
"""By which the script asks `plateward` for completions."""


@command("completion", click.Argument(["shell"], type=click.Choice(SHELLS)))
def completion_command(*, shell: str) -> Answer:
    """Print the script that completes commands and options of `plateward` in a shell.

    For bash: `source <(plateward completion bash)` in ~/.bashrc.
    """
    kind = get_completion_class(shell)
    if kind is None:
        raise Unfinished(f"no completion for {shell}; there is one for {', '.join(SHELLS)}")
    root = click.get_current_context().find_root()
    script = kind(root.command, {}, "plateward", VARIABLE).source()
    return Answer(script, {"shell": shell, "script": script})
