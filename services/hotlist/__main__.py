"""`python -m services.hotlist` serves; `... migrate` brings its tables up to date."""

from services.hotlist.main import MIGRATIONS, main
from shared.service.command import run

run("hotlist", MIGRATIONS, main)
