"""`python -m services.identity` serves; `python -m services.identity --help` names its commands."""

from services.identity.actions.commands import run

run()
