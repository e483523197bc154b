"""`python -m services.hotlist` serves; `... migrate` brings its tables up to date."""

from services.hotlist.spec import SPEC
from shared.service.command import run

run(SPEC)
