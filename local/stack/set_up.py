"""The set-up link of a fresh department, for the terminal that runs the stack (ADR-0068)."""

import os
import stat
import sys
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import urlencode

from local.stack.services import environment_of
from services.identity.actions.set_up import has_people, open_link
from services.identity.settings import Settings

WITHOUT_LINK = (
    "this department has no people yet. The link that sets it up is shown on a terminal alone, since a file would",
    "keep it: start this command there, or see `plateward bootstrap --help`",
)


async def set_up_lines(environment: Mapping[str, str], console: str) -> list[str]:
    """Return the lines for the terminal with the set-up link; none once the department has people.

    Makes no link if the output is a file, which would keep it, and says so. `console` is the console's address.
    """
    own = environment_of("identity", environment)
    given = {name: own[name.upper()] for name in Settings.model_fields if name.upper() in own}
    settings = Settings.model_validate(given)
    if output_is_file():
        return [] if await has_people(settings) else list(WITHOUT_LINK)
    opened = await open_link(settings)
    if opened is None:
        return []
    return [
        "this department has no people yet. To enrol its first administrator, open this link in a browser on",
        f"this machine; it works once, until {_here(opened.expires_at)}:",
        f"  {console}/set-up#{urlencode({'set_up': opened.token})}",
    ]


def output_is_file() -> bool:
    """Whether what this process prints goes to a file rather than to a terminal or a pipe."""
    try:
        return stat.S_ISREG(os.fstat(sys.stdout.fileno()).st_mode)
    except OSError:
        return True


def _here(at: datetime) -> str:
    """Write a time as the clock of this machine shows it."""
    return f"{at.astimezone():%H:%M %Z}"
