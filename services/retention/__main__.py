"""`python -m services.retention` serves; `... migrate` brings its tables up to date;
`... rotate-key` changes the signing key; `... verify-package FILE` needs no settings."""

import sys

from services.retention.actions.verify_package import verify_command

if sys.argv[1:2] == ["verify-package"]:
    sys.exit(verify_command(sys.argv[2:]))
if sys.argv[1:2] == ["rotate-key"]:
    from services.retention.actions.rotate_key import rotate_command

    sys.exit(rotate_command(sys.argv[2:]))

from services.retention.main import MIGRATIONS, main
from shared.service.command import run

run("retention", MIGRATIONS, main)
