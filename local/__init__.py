"""The embedded stack: broker, Postgres and every service on one machine, started by one command.

`local/backup` backs up and restores any installation.
"""
