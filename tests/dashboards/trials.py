"""The trials of the alerting rules."""

import tempfile
from pathlib import Path

from tests.dashboards.decisions import (
    finding_open,
    findings_refused,
    lists_withdrawn,
    many_search,
    month_overdue,
    old_extract,
    package_without_store,
    purges_ordered,
    schedule_changed,
)
from tests.dashboards.faults import (
    checkpoints_locked,
    disk_filled,
    hung_for,
    mount_point,
    objects_away,
    stopped,
    unknown_targets,
    workers_killed,
)
from tests.dashboards.keys import certificate_ending, key_not_rotated
from tests.dashboards.posts import (
    COVERED,
    TURNED,
    broken_frames,
    flooded,
    forged,
    frames_at_once,
    silent_camera,
    strangers_post,
    strangers_search,
    strangers_sign_in,
    turned_camera,
    undecodable,
)
from tests.dashboards.replicas import alerts_unanswered, dispatch_refuses
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
    Trial("checkpoints cannot be written", ("CheckpointLate",), checkpoints_locked),
    Trial("the key of tokens is not rotated", ("TokenKeyOld",), key_not_rotated),
    Trial(
        "a certificate of a replica ends",
        ("CertificateEnding", "CertificateEndsSoon"),
        certificate_ending,
    ),
    Trial("every list is withdrawn", ("HotListsEmpty",), lists_withdrawn),
    Trial(
        "a camera is turned away",
        ("CameraWithoutReads",),
        turned_camera,
        f'camera="{TURNED}"',
    ),
    Trial("many frames at once", ("RecognitionBehind",), repeated(frames_at_once, 0)),
    Trial("frames that cannot be decoded", ("FramesFailing",), repeated(broken_frames)),
    Trial("recognition's workers end", ("RecognitionWorkersDying",), workers_killed),
    Trial("the object store is away", ("ObjectStoreDown",), objects_away),
    Trial("the audit log stands still", ("AuditLogBehind",), stopped("audit")),
    Trial("no one takes urgent alerts", ("AlertsUnanswered",), alerts_unanswered),
    Trial("dispatch's receiver is down", ("AnnouncementsUndelivered",), dispatch_refuses),
    Trial("hotlist hung for a while", ("AlertsSlow",), hung_for("hotlist", 20)),
    Trial(
        "Kafka hangs",
        ("KafkaDown", "TaskFailing", "OutboxWaiting", "RequestsFailing"),
        stopped("broker"),
    ),
    Trial("Postgres hangs", ("PostgresDown",), stopped("postgres")),
    # Before the flood, which takes gigabytes of the disk itself.
    Trial(
        "a disk fills",
        ("DiskFilling", "DiskFull"),
        disk_filled,
        f'mountpoint="{mount_point(Path(tempfile.gettempdir()))}"',
    ),
    Trial("a flood of reads", ("ReadsLate", "ConsumerLagging", "PassesBehind"), flooded),
    Trial(
        "the receiver refuses findings",
        ("FindingsUndelivered", "FindingsDeadLettered"),
        findings_refused,
    ),
    Trial("a package without a store", ("PackagesWaiting",), package_without_store),
    Trial("purges are ordered and not done again", ("PurgeLate",), purges_ordered),
    Trial("a month past the schedule is there", ("MonthsOverdue",), month_overdue),
    Trial("many heavy searches at once", ("SearchesRefused",), repeated(many_search)),
    Trial("the schedule changes under an order", ("PurgeRefused",), schedule_changed),
)

ON_APACHE = (
    Trial("the disk of Apache Kafka fills", ("KafkaDiskFilling", "KafkaDiskFull"), disk_filled),
)
"""What the embedded broker cannot show: it gives no disks."""
