"""`python -m services.ingest` serves; `... migrate` brings its tables up to date."""

from services.ingest.spec import SPEC
from shared.service.command import run

run(SPEC)
