"""Audit: the append-only log of every access and administrative event, and the rules over it.

Owns: the log (a Merkle tree after RFC 6962), its sealed values, checkpoints, findings, periodic audits.
Consumes: every topic that the registry marks as audited.
Publishes: `checkpoint.signed`, `log.covered`, `policy.acknowledged`, `finding.raised`, `finding.changed`,
`audit.changed`, `period.fixed`, `signing_key.changed`, `values.erased`, `values.exported`, `log.closed`,
`log.destroyed`.
Never: changes or deletes an entry. The log before this one it destroys whole, once that is due.
"""
