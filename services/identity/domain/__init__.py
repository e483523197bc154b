"""The rules of identity: accounts and roles, passwords, purposes. No input or output."""
