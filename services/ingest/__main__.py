"""`python -m services.ingest` serves; `... migrate` brings its tables up to date."""

from services.ingest.main import MIGRATIONS, main
from shared.service.command import run

run("ingest", MIGRATIONS, main)
