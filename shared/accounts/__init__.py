"""Offline checks of accounts and tokens, used by every service."""
