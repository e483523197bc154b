"""The command line `plateward`: one entry to the commands of every folder.

Each command is defined where its work is: in a service, in `local/` or in `deploy/`. This folder names them
(`catalogue.py`) and has those that belong to no one service: `status`, `dead-letters`, `completion`. An image holds
this folder, `shared/` and one service, so a command is imported only when it is used.
"""
