-- What the role that works may do to each table, and nothing else (ADR-0016). The triggers stand behind it.
-- Only the functions destroy_file and destroy_document destroy rows of the file, once they are due (ADR-0120).
GRANT SELECT, INSERT ON documents, decisions, packages, failures, withdrawals, receipts, agency_provisioners TO {role};
GRANT SELECT, INSERT, UPDATE (status) ON requests TO {role};
GRANT SELECT, INSERT, UPDATE ON agencies, lapsed_requests TO {role};
GRANT SELECT ON ended_requests, moves TO {role};
GRANT SELECT, DELETE ON doomed_objects TO {role};
GRANT EXECUTE ON FUNCTION destroy_file(uuid, integer), destroy_document(uuid, integer) TO {role};
