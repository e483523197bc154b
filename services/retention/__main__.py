"""`python -m services.retention`, and `... verify-package FILE`, which needs no settings."""

import sys

from services.retention.verify import verify_command

if sys.argv[1:2] == ["verify-package"]:
    sys.exit(verify_command(sys.argv[2:]))

from services.retention.main import main

main()
