"""Audit: the append-only log of every access and administrative event, and its working.

Owns: the log (a Merkle tree after RFC 6962), its sealed values, checkpoints, findings, periodic audits.
Consumes: every topic that the registry marks `audited`, as it came.
Publishes: `alpr.checkpoint.signed`, `alpr.finding.raised`, `alpr.finding.changed`,
`alpr.audit.changed`, `alpr.signing_key.changed`, `alpr.values.erased`, `alpr.values.exported`,
`alpr.log.closed`, `alpr.log.destroyed`.
Never: changes or deletes an entry; the log before this one it destroys whole, once it is due.
"""
