"""`python -m services.retention` serves; with a command, it runs that and exits."""

from services.retention.actions.rotate_key import rotate_key
from services.retention.actions.verify_certificate import verify as verify_certificate
from services.retention.actions.verify_package import verify as verify_package
from services.retention.spec import SPEC
from shared.service.command import by_name, run

COMMANDS = by_name(verify_package, verify_certificate, rotate_key)

if __name__ == "__main__":
    run(SPEC, COMMANDS)
