"""The rules of identity: accounts and roles, passwords, reasons. No input or output."""
