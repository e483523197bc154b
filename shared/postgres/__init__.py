"""Postgres: a service's schema, transactions, the outbox and what is kept beside it."""
