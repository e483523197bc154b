"""Notices to the department's own systems: a signed webhook and mail, retried until accepted (ADR-0075, ADR-0143)."""
