"""`python -m services.identity [bootstrap | rotate-key | release-lock]`; without one, serves."""

from services.identity.cli import run

run()
