"""Audit: the append-only log of every access and administrative event, and the rules over it.

Owns: the log, a Merkle tree after RFC 6962 (`entries`, `nodes`, `before_macs`), its checkpoints (`checkpoints`), its
sealed values (`sealed_values`, `values_left`, `day_keys`, `erasings`, `erasures`, `erased`), the log before this one
(`old_entries`, `old_nodes`, `old_checkpoints`, `both_logs`, `destroyed_logs`), policies (`policies`,
`policies_in_force`, `policy_acknowledgements`), findings (`findings`, `finding_steps`), their notices (`notices`,
`finding_notices`), counts of its rules (`cursors`, `disclosed_days`), the figures of months (`month_figures`), periodic
audits (`audits`, `audit_items`).
Consumes: every topic that the registry marks as audited.
Publishes: `checkpoint.signed`, `log.covered`, `policy.acknowledged`, `finding.raised`, `finding.changed`,
`audit.changed`, `period.fixed`, `signing_key.changed`, `values.erased`, `values.exported`, `log.closed`,
`log.destroyed`, `backup.made`, `backup.restored`, `export.begun`, `export.made`, `export.imported`.
Never: changes or deletes an entry. It destroys the log before this one whole, once that is due.
"""
