"""Identity: who may use the system, and why they say they do.

Owns: people, roles, passwords and second factors, sessions, training, purposes, signing keys.
Consumes: nothing besides what every service follows.
Publishes: `purpose.declared`, `key.published`, `certificate.revoked`, `identity.ticked`, `issuer.misused`,
`account.changed`, `secrets.rewrapped`, `session.changed`, `training.recorded`, `limit.lifted`.
Never: shares a secret. Other services hold public keys only and check tokens offline.
"""
