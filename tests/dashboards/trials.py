"""The trials of the alerting rules, and the rules that only recorded series show."""

import tempfile
from pathlib import Path

from tests.dashboards.decisions import (
    finding_open,
    findings_refused,
    many_search,
    old_extract,
    package_without_store,
    purges_ordered,
)
from tests.dashboards.faults import (
    disk_filled,
    hung_for,
    mount_point,
    objects_away,
    stopped,
    unknown_targets,
    workers_killed,
)
from tests.dashboards.posts import (
    COVERED,
    broken_frames,
    flooded,
    forged,
    frames_at_once,
    silent_camera,
    strangers_post,
    strangers_search,
    strangers_sign_in,
    undecodable,
)
from tests.dashboards.site import Trial, repeated

TRIALS = (
    Trial("Prometheus has lost its targets", ("ServicesNotScraped",), unknown_targets),
    Trial("recognition hangs", ("ServiceDown", "ConsumerGone"), stopped("recognition")),
    Trial("requests without a valid token", ("RefusalsFlood",), repeated(strangers_search)),
    Trial("requests of no camera", ("CamerasRefused",), repeated(strangers_post)),
    Trial("wrong passwords", ("SignInsRefused",), repeated(strangers_sign_in)),
    Trial("a camera is silent", ("CameraSilent",), silent_camera, f'camera="{COVERED}"'),
    Trial("an old extract is in force", ("HotListStale",), old_extract),
    Trial("what is no event", ("DeadLetters",), repeated(undecodable, 4)),
    Trial("events without proof of their producer", ("ForgedEvents",), repeated(forged, 4)),
    Trial("a finding stays open", ("FindingsOpen",), finding_open, 'kind="forged_event"'),
    Trial("many frames at once", ("RecognitionBehind",), repeated(frames_at_once, 0)),
    Trial("frames that cannot be decoded", ("FramesFailing",), repeated(broken_frames)),
    Trial("recognition's workers end", ("RecognitionWorkersDying",), workers_killed),
    Trial("the object store is away", ("ObjectStoreDown",), objects_away),
    Trial("the audit log stands still", ("AuditLogBehind",), stopped("audit")),
    Trial("hotlist hung for a while", ("AlertsSlow",), hung_for("hotlist", 20)),
    Trial(
        "Kafka hangs",
        ("KafkaDown", "TaskFailing", "OutboxWaiting", "RequestsFailing"),
        stopped("broker"),
    ),
    Trial("Postgres hangs", ("PostgresDown",), stopped("postgres")),
    Trial("a flood of reads", ("ReadsLate", "ConsumerLagging", "PassesBehind"), flooded),
    Trial(
        "the receiver refuses findings",
        ("FindingsUndelivered", "FindingsDeadLettered"),
        findings_refused,
    ),
    Trial("a package without a store", ("PackagesWaiting",), package_without_store),
    Trial("purges are ordered and not done again", ("PurgeLate",), purges_ordered),
    Trial("many heavy searches at once", ("SearchesRefused",), repeated(many_search)),
    Trial(
        "a disk fills",
        ("DiskFilling", "DiskFull"),
        disk_filled,
        f'mountpoint="{mount_point(Path(tempfile.gettempdir()))}"',
    ),
)

ONLY_RECORDED = {
    "KafkaDiskFilling": "the embedded broker gives no disks",
    "KafkaDiskFull": "the embedded broker gives no disks",
    "CertificateEnding": "a service shows its certificates as they were at its start, and a new one needs a restart",
    "CertificateEndsSoon": "a service shows its certificates as they were at its start, and a new one needs a restart",
    "TokenKeyOld": "IDENTITY_KEY_ROTATION_DAYS is a day at least, and the age is measured each ten minutes",
    "CheckpointLate": "needs an audit service that appends and does not sign, which none does",
    "HotListsEmpty": "a list that loses all entries needs two people's word, and a day",
    "CameraWithoutReads": "compares a day with a week",
    "PurgeRefused": "needs a policy that changes under a standing order",
    "MonthsOverdue": "needs five weeks without a purge",
}
"""Rules that no trial fires, and why: recorded series show that they fire and clear."""
