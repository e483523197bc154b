"""Hotlist: hot lists, their entries and versions, and the hits that reads raise against them.

Owns: hot lists (`lists`, `snapshots`, `versions`, `entries`, `set_aside`, `activations`, `feeds`, `generation`), hits
(`hits`, `sightings`, `outvoted`, `corrected`, `acknowledgements`, `verifications`, `dispositions`), their
announcements (`announcements`, `notices`, `announcement_notices`), the secrets of the months' ids (`month_secrets`).
Consumes: `read.recorded`, `read.backfilled`, `read.recognised`, `backfill.recognised`, `pass.recorded`,
`read.corrected`, `records.purged`.
Publishes: `hotlist.changed`, `hotlist.activated`, `hit.raised`, `hit.acknowledged`, `hit.verified`,
`alerts.unchecked`, `hit.disposed`, `month.counted`.
Never: decides that a stop is lawful. A hit is unverified until a person has checked it (468.4(f)).
"""
