"""The embedded stack: broker, Postgres and every service on one machine, started by one command."""
