"""`python -m services.release` serves; `... migrate` brings its tables up to date."""

from services.release.spec import SPEC
from shared.service.command import run

run(SPEC)
