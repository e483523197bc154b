-- All rights of the service's role on each table (ADR-0016). Triggers refuse what these rights do not exclude.
-- Only the functions erase_values and delete_erased erase values, of a records.purged entry of the log (ADR-0060).
GRANT SELECT, INSERT ON entries, nodes, checkpoints, finding_steps, sealed_values, day_keys,
    before_macs TO {role};
GRANT SELECT ON old_entries, old_nodes, both_logs, erasures, erased, erasings, values_left, destroyed_logs TO {role};
GRANT SELECT, INSERT ON old_checkpoints TO {role};
GRANT EXECUTE ON FUNCTION add_values_month(date), list_erased(uuid, text[], text[], integer),
    erase_values(uuid, uuid, text[], text[]), delete_erased(uuid, integer),
    destroy_old_log(uuid, integer), forget_statistics() TO {role};
GRANT SELECT, INSERT ON policies, policy_acknowledgements TO {role};
GRANT SELECT, INSERT, UPDATE (digest, loaded_at) ON policies_in_force TO {role};
GRANT SELECT, INSERT, UPDATE ON cursors, notices, disclosed_days, month_figures TO {role};
GRANT SELECT, INSERT ON finding_notices TO {role};
GRANT SELECT, INSERT, UPDATE (status, assigned_to, outcome) ON findings TO {role};
GRANT SELECT, INSERT, UPDATE (signed_off_by, signed_off_at, statement) ON audits TO {role};
GRANT SELECT, INSERT, UPDATE (outcome, note, reviewed_by, reviewed_at) ON audit_items TO {role};
