"""The three dashboards: the department at a glance, the pipeline, the stores."""

from pathlib import Path

from deploy.observability.panels import Dashboard, Panel

FOLDER = Path(__file__).parent / "dashboards"

_SILENCE = "time() - max by (camera) (alpr_camera_heard_timestamp_seconds)"
_AGE = "time() - max by (agency, list, source) (alpr_hotlist_as_of_timestamp_seconds)"
_LIMIT = "max by (agency, list, source) (alpr_hotlist_stale_after_seconds)"
_REAL = 'route!~"/(livez|readyz|metrics)"'
"""Requests of people and cameras, without those of probes."""


def _quantile(share: float, histogram: str, by: str = "", of: str = "") -> str:
    labels = f"le, {by}" if by else "le"
    chosen = f"{{{of}}}" if of else ""
    return f"histogram_quantile({share}, sum by ({labels}) (rate({histogram}_bucket{chosen}[5m])))"


def _stat(
    title: str, about: str, expr: str, *, unit: str = "short", warn: float | None = None
) -> Panel:
    queries = {"": expr}
    return Panel(
        title=title,
        about=about,
        queries=queries,
        kind="stat",
        unit=unit,
        warn=warn,
        width=4,
        height=4,
    )


DEPARTMENT = Dashboard(
    name="department",
    title="Department at a glance",
    about="What the department lives by: reads, alerts, hot lists, cameras, findings.",
    rows=[
        [
            _stat(
                "Reads", "Stored a second.", "sum(rate(alpr_camera_reads_total[5m]))", unit="ops"
            ),
            _stat(
                "POST to alert, p95",
                "From a camera's POST to the open alert streams; empty without alerts.",
                _quantile(0.95, "alpr_alert_seconds"),
                unit="s",
                warn=5,
            ),
            _stat(
                "Stale hot lists",
                "Lists whose extract is older than its limit.",
                f"count({_AGE} > {_LIMIT}) or vector(0)",
                warn=1,
            ),
            _stat(
                "Silent cameras",
                "Fixed cameras that have sent nothing for longer than they may.",
                f"count({_SILENCE} > on () group_left () max(alpr_camera_silent_after_seconds)) or vector(0)",
                warn=1,
            ),
            _stat(
                "Open findings",
                "Findings of the audit service that are not closed.",
                "sum(max by (kind) (alpr_findings_open)) or vector(0)",
                warn=1,
            ),
            _stat(
                "Audit log behind",
                "How far the audit log is behind Kafka.",
                "max(alpr_log_behind_seconds)",
                unit="s",
                warn=60,
            ),
        ],
        [
            Panel(
                title="Reads by camera",
                about="The ten busiest cameras.",
                queries={
                    "{{camera}}": "topk(10, sum by (camera) (rate(alpr_camera_reads_total[5m])))"
                },
                unit="ops",
                width=12,
                stacked=True,
            ),
            Panel(
                title="POST to alert",
                about="From a camera's POST to the open alert streams.",
                queries={
                    "p50": _quantile(0.5, "alpr_alert_seconds"),
                    "p95": _quantile(0.95, "alpr_alert_seconds"),
                },
                unit="s",
                width=12,
                warn=5,
            ),
        ],
        [
            Panel(
                title="Age of hot lists against their limits",
                about="At 100% a list is stale: hits of it say so.",
                queries={"{{list}} ({{agency}})": f"sort_desc(({_AGE}) / ({_LIMIT} > 0))"},
                kind="bargauge",
                unit="percentunit",
                width=12,
                height=8,
                warn=1,
                most=1,
            ),
            Panel(
                title="Silence of cameras",
                about="The fifteen fixed cameras that were heard least recently.",
                queries={"{{camera}}": f"sort_desc(topk(15, {_SILENCE}))"},
                kind="bargauge",
                unit="s",
                width=12,
                height=8,
                warn=4 * 3600,
            ),
        ],
        [
            Panel(
                title="Open findings by kind",
                about="Not closed yet; the console shows them to the auditor.",
                queries={"{{kind}}": "max by (kind) (alpr_findings_open)"},
                kind="bargauge",
            ),
            Panel(
                title="Sign-ins",
                about="Sessions opened, and sign-ins refused, in five minutes.",
                queries={
                    "{{change}}": (
                        'sum by (change) (increase(alpr_session_changes_total{change=~"opened|refused"}[5m]))'
                    )
                },
            ),
            Panel(
                title="Alerts that fire",
                about="Of these rules; each has a runbook in docs/operations.",
                queries={"": 'count by (alertname, severity) (ALERTS{alertstate="firing"})'},
                kind="table",
            ),
        ],
    ],
)

PIPELINE = Dashboard(
    name="pipeline",
    title="Pipeline",
    about="The way of a read from the camera to the records, and the requests of each service.",
    rows=[
        [
            Panel(
                title="Consumer lag",
                about="Reads and other events that a consumer has yet to work. A line that ends is a dead consumer.",
                queries={"{{group}}": "sum by (group) (alpr_consumer_lag)"},
                width=12,
            ),
            Panel(
                title="Recognition",
                about="Frames that wait, and frames worked a second by their outcome.",
                queries={
                    "waiting": 'sum(alpr_consumer_lag{group="recognition"})',
                    "{{outcome}}": "sum by (outcome) (rate(alpr_frames_total[5m]))",
                },
                width=6,
            ),
            Panel(
                title="Time of a frame",
                about="From decoding a frame to its crops.",
                queries={
                    "p50": _quantile(0.5, "alpr_frame_seconds"),
                    "p95": _quantile(0.95, "alpr_frame_seconds"),
                },
                unit="s",
                width=6,
            ),
        ],
        [
            Panel(
                title="Outboxes",
                about="Events of each service that wait for Kafka.",
                queries={"{{service}}": "max by (service) (alpr_outbox_backlog)"},
                warn=500,
                width=6,
            ),
            Panel(
                title="Passes",
                about="How far the vote on passes is behind.",
                queries={"behind": "max(alpr_passes_behind_seconds)"},
                unit="s",
                warn=600,
                width=6,
            ),
            Panel(
                title="Dead letters",
                about="Events put aside in an hour; findings and urgent alerts that a receiver did not accept, until they are replayed.",
                queries={
                    "{{group}} {{topic}}": "sum by (group, topic) (increase(alpr_dead_letters_total[1h]))",
                    "findings by {{receiver}}": "max by (receiver) (alpr_findings_dead_lettered) > 0",
                    "urgent alerts by {{receiver}}": "max by (receiver) (alpr_announcements_dead_lettered) > 0",
                },
                width=6,
            ),
            Panel(
                title="Failing tasks and consumers",
                about="Background work that fails and is retried; /readyz has the reason.",
                queries={
                    "{{task}}": "max by (task) (alpr_task_failing) == 1",
                    "consumer {{group}}": "max by (group) (alpr_consumer_failing) == 1",
                },
                width=6,
            ),
        ],
        [
            Panel(
                title="Requests",
                about="Answered requests a second by service.",
                queries={
                    "{{service}}": f"sum by (service) (rate(alpr_requests_total{{{_REAL}}}[5m]))"
                },
                unit="reqps",
            ),
            Panel(
                title="Errors by route",
                about="Answers of the class 5xx a second.",
                queries={
                    "{{service}} {{method}} {{route}}": (
                        "sum by (service, method, route)"
                        f' (rate(alpr_requests_total{{status="5xx", {_REAL}}}[5m])) > 0'
                    )
                },
                unit="reqps",
            ),
            Panel(
                title="Refusals by route",
                about="Answers of the class 4xx a second; the ten routes with most.",
                queries={
                    "{{service}} {{method}} {{route}}": (
                        'topk(10, sum by (service, method, route) (rate(alpr_requests_total{status="4xx"}[5m])) > 0)'
                    )
                },
                unit="reqps",
            ),
        ],
        [
            Panel(
                title="Duration by route, p95",
                about="To the first byte of the answer; the ten slowest routes with traffic.",
                queries={
                    "{{service}} {{method}} {{route}}": (
                        f"topk(10, {_quantile(0.95, 'alpr_request_seconds', 'service, method, route', _REAL)} > 0)"
                    )
                },
                unit="s",
                width=12,
            ),
            Panel(
                title="Requests by route",
                about="The ten busiest routes.",
                queries={
                    "{{service}} {{method}} {{route}}": (
                        f"topk(10, sum by (service, method, route) (rate(alpr_requests_total{{{_REAL}}}[5m])))"
                    )
                },
                unit="reqps",
                width=12,
            ),
        ],
    ],
)

_DISKS = 'fstype!~"tmpfs|ramfs|overlay|squashfs|iso9660"'

STORES = Dashboard(
    name="stores",
    title="Stores",
    about="Disks, Kafka, Postgres, objects, the purge, the audit log's checkpoints, keys.",
    rows=[
        [
            Panel(
                title="Dependencies that do not answer",
                about="As each service's last check of readiness saw it; empty if all is well.",
                queries={
                    "{{service}}: {{dependency}}": "max by (service, dependency) (alpr_dependency_failing) == 1"
                },
                kind="bargauge",
                warn=1,
            ),
            Panel(
                title="Disks",
                about="Share in use: of the host, or of the cluster's volumes.",
                queries={
                    "{{mountpoint}}": (
                        f"1 - node_filesystem_avail_bytes{{{_DISKS}}} / (node_filesystem_size_bytes > 0)"
                    ),
                    "{{persistentvolumeclaim}}": (
                        '1 - kubelet_volume_stats_available_bytes{namespace=~"plateward.*"}'
                        " / (kubelet_volume_stats_capacity_bytes > 0)"
                    ),
                },
                unit="percentunit",
                warn=0.8,
                most=1,
            ),
            Panel(
                title="Disks of Kafka",
                about="Share in use of each broker's fullest disk.",
                queries={"broker {{broker}}": "max by (broker) (alpr_kafka_disk_used_ratio)"},
                unit="percentunit",
                warn=0.7,
                most=1,
            ),
        ],
        [
            Panel(
                title="Age of the newest checkpoint",
                about="Grows while the log does not; a fault only while entries are unsigned.",
                queries={"age": "time() - (max(alpr_checkpoint_timestamp_seconds) > 0)"},
                unit="s",
                width=6,
            ),
            Panel(
                title="Unsigned entries",
                about="Entries of the audit log that no checkpoint covers.",
                queries={"entries": "max(alpr_log_unsigned_entries)"},
                width=6,
            ),
            Panel(
                title="Stored records",
                about="Reads and captures a second, repetitions apart.",
                queries={"{{kind}}": "sum by (kind) (rate(alpr_records_stored_total[5m]))"},
                unit="ops",
                width=6,
            ),
            Panel(
                title="Heavy searches",
                about="Those that run, those that wait, and those refused in five minutes.",
                queries={
                    "running": "sum(alpr_heavy_searches_running)",
                    "waiting": "sum(alpr_heavy_searches_waiting)",
                    "refused": "sum(increase(alpr_heavy_searches_busy_total[5m]))",
                },
                width=6,
            ),
        ],
        [
            _stat(
                "Last purge",
                "Since a purge last destroyed all that was due, or daily ones were ordered.",
                "time() - max(alpr_purge_done_timestamp_seconds)",
                unit="s",
                warn=2 * 86400,
            ),
            _stat(
                "Purge refused",
                "1 while a purge is due and may not run.",
                "max(alpr_purge_refused)",
                warn=1,
            ),
            _stat(
                "Months past the schedule",
                "Not destroyed; a hold may keep them.",
                "max(alpr_months_overdue)",
                warn=1,
            ),
            _stat(
                "Orphans left",
                "Objects without a record that the last sweep left.",
                "sum(max by (why) (alpr_orphans_left)) or vector(0)",
            ),
            _stat(
                "Objects deleted as orphans",
                "In a day.",
                "sum(increase(alpr_orphans_deleted_total[1d]))",
            ),
            _stat(
                "Packages that wait",
                "Approved requests and evidence whose package is not built yet.",
                "(max(alpr_packages_waiting) or vector(0)) + (max(alpr_evidence_waiting) or vector(0))",
            ),
        ],
        [
            Panel(
                title="Certificates",
                about="Until each ends; the services use them as they were at their start.",
                queries={
                    "{{service}}: {{certificate}}": (
                        "sort(min by (service, certificate) (alpr_certificate_expires_timestamp_seconds) - time())"
                    )
                },
                kind="bargauge",
                unit="s",
                width=12,
                warn=14 * 86400,
                below=True,
            ),
            Panel(
                title="Age of the token key",
                about="And the age at which another follows it.",
                queries={
                    "age": "time() - (max(alpr_token_key_created_timestamp_seconds) > 0)",
                    "rotated after": "max(alpr_token_key_rotated_after_seconds) > 0",
                },
                unit="s",
                width=12,
            ),
        ],
    ],
)

DASHBOARDS = (DEPARTMENT, PIPELINE, STORES)


def files() -> dict[Path, str]:
    """Return the files by their paths."""
    return {FOLDER / f"{one.name}.json": one.as_json() for one in DASHBOARDS}
