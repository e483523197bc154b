"""The embedded stack: broker, Postgres and every service on one machine, by one command."""
