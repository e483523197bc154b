"""The embedded stack: broker, Postgres and the services, as processes of this machine."""
