-- What the role that works may do to each table, and nothing else (ADR-0016). The triggers stand behind it.
GRANT SELECT, INSERT ON entries, nodes, checkpoints, finding_steps, before_macs TO {role};
GRANT SELECT, INSERT ON policies, policy_acknowledgements TO {role};
GRANT SELECT, INSERT, UPDATE (digest, loaded_at) ON policies_in_force TO {role};
GRANT SELECT, INSERT, UPDATE ON cursors, finding_notices TO {role};
GRANT SELECT, INSERT, UPDATE (status, assigned_to, outcome) ON findings TO {role};
GRANT SELECT, INSERT, UPDATE (signed_off_by, signed_off_at, statement) ON audits TO {role};
GRANT SELECT, INSERT, UPDATE (outcome, note, reviewed_by, reviewed_at) ON audit_items TO {role};
