"""Identity: the people who may use the system, and the purposes that they declare.

Owns: people, roles, passwords and second factors, sessions, training, purposes, signing keys.
Consumes: only the topics that every service follows.
Publishes: `purpose.declared`, `key.published`, `certificate.revoked`, `identity.ticked`, `issuer.misused`,
`account.changed`, `secrets.rewrapped`, `session.changed`, `training.recorded`, `limit.lifted`.
Never: shares a secret. Other services hold public keys only and check tokens offline.
"""
