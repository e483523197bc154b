-- What the role that works may do to each table, and nothing else (ADR-0016). The triggers stand behind it.
GRANT SELECT, INSERT ON documents, decisions, packages, failures, receipts, agency_provisioners TO {role};
GRANT SELECT, INSERT, UPDATE (status) ON requests TO {role};
GRANT SELECT, INSERT, UPDATE ON agencies TO {role};
