"""`python -m services.recognition` serves."""

from services.recognition.spec import SPEC
from shared.service.command import run

if __name__ == "__main__":
    run(SPEC)
