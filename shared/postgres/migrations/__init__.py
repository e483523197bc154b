"""The tables that every service's schema has: outbox and inbox."""
