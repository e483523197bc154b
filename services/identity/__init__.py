"""identity: who may use the system, and why they say they do.

Owns: people, roles, passwords and second factors, sessions, training, purposes, signing keys.
Consumes: its own keys and accounts, as every service does, so that replicas agree.
Publishes: alpr.account.changed, alpr.session.changed, alpr.training.recorded, alpr.purpose.declared,
alpr.limit.lifted, alpr.key.published, alpr.certificate.revoked, alpr.identity.ticked,
alpr.issuer.misused.
Never: shares a secret. Other services hold public keys only and check tokens offline.
"""
