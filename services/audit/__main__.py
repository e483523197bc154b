"""`python -m services.audit` serves; `python -m services.audit verify` and its like do one thing."""

import sys

if len(sys.argv) > 1:
    from services.audit.actions.commands import run

    sys.exit(run(sys.argv[1:]))

from services.audit.main import main

main()
