"""Accounts and tokens as every service checks them, offline."""
