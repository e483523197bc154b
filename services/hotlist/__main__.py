"""`python -m services.hotlist`."""

from services.hotlist.main import main

main()
