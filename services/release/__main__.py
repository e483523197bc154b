"""`python -m services.release` serves; `... migrate` brings its tables up to date."""

from services.release.main import MIGRATIONS, main
from shared.service.command import run

run("release", MIGRATIONS, main)
