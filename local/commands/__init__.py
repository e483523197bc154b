"""Commands for a running embedded stack."""
