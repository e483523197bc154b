"""`python -m services.release`."""

from services.release.main import main

main()
