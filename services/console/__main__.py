"""`python -m services.console` serves."""

from services.console.spec import SPEC
from shared.service.command import run

if __name__ == "__main__":
    run(SPEC)
