-- What the role that works may do to each table, and nothing else (ADR-0016).
GRANT SELECT, INSERT ON trainings, purposes, reviews, provisioners, limit_lifts TO {role};
GRANT SELECT, UPDATE ON numbers, case_list TO {role};
GRANT SELECT, INSERT, DELETE ON case_numbers TO {role};
GRANT SELECT, INSERT, UPDATE ON accounts, sessions, signing_keys TO {role};
GRANT SELECT, INSERT, DELETE ON failed_sign_ins TO {role};
GRANT SELECT, INSERT, UPDATE, DELETE ON credentials, invitations, refresh_tokens,
    known_browsers, reinvitations, security_keys, set_up_link, purpose_checks TO {role};
