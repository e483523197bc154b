"""Postgres: a service's schema, transactions, outbox, inbox and shared tables."""
