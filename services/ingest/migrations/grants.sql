-- What the role that works may do to each table, and nothing else (ADR-0016).
GRANT SELECT, INSERT, UPDATE ON devices TO {role};
GRANT SELECT, INSERT, UPDATE, DELETE ON credentials, first_seen TO {role};
GRANT SELECT, INSERT, UPDATE ON month_secrets TO {role};
GRANT EXECUTE ON FUNCTION forget_statistics TO {role};
