"""Identity: the people who may use the system, and the purposes that they declare.

Owns: people and their roles (`accounts`, `provisioners`, `reviews`, `invitations`, `reinvitations`, `set_up_link`), the
numbers of their changes (`numbers`), passwords and second factors (`credentials`, `security_keys`), sessions
(`sessions`, `refresh_tokens`, `known_browsers`, `failed_sign_ins`), training (`trainings`), purposes (`purposes`,
`purpose_checks`, `limit_lifts`), the department's case and call numbers (`case_numbers`, `case_list`), signing keys
(`signing_keys`).
Consumes: only the topics that every service follows.
Publishes: `purpose.declared`, `purpose.checked`, `case_numbers.imported`, `key.published`, `certificate.revoked`,
`identity.ticked`, `issuer.misused`, `account.changed`, `secrets.rewrapped`, `session.changed`, `training.recorded`,
`limit.lifted`.
Never: shares a secret. Other services hold public keys only and check tokens offline.
"""
