"""The state of running services, from what each serves without sign-in: `/readyz`, `/metrics`, audit's checkpoint."""

import http.client
import json
import shutil
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

from prometheus_client.parser import text_string_to_metric_families

from shared.service.resources import is_ok

ANSWERS_WITHIN_S = 5.0
DISK_FULL = 0.9
"""Share of a disk in use from which it counts as a fault."""


@dataclass(frozen=True)
class ServiceState:
    """One service."""

    name: str
    faults: tuple[str, ...]
    """What it lacks to be ready, and its background tasks that fail; none if all is well."""

    answers: bool = True
    """Whether its figures are among those shown."""


@dataclass(frozen=True)
class Lag:
    """Events that a consumer group has yet to process."""

    group: str
    events: int


@dataclass(frozen=True)
class ListAge:
    """A hot list in force, by the age of the extract that it is made of."""

    name: str
    agency_ori: str
    source: str
    age_s: float
    stale_after_s: float

    @property
    def stale(self) -> bool:
        """Whether its hits are marked as those of an old list."""
        return self.age_s > self.stale_after_s


@dataclass(frozen=True)
class NewestCheckpoint:
    """The newest signed checkpoint of the audit log."""

    entries: int
    signed_at: datetime | None


@dataclass(frozen=True)
class DiskState:
    """One disk."""

    name: str
    used: float
    """Share of it in use, 0 to 1."""

    free_bytes: int | None = None

    @property
    def nearly_full(self) -> bool:
        """Whether it counts as a fault."""
        return self.used >= DISK_FULL


@dataclass(frozen=True)
class State:
    """The state of a running installation."""

    services: tuple[ServiceState, ...]
    lags: tuple[Lag, ...]
    outbox: int | None
    """Events that wait for Kafka; None if no service says."""

    log_behind_s: float | None
    """How far the audit log is behind Kafka, as the service that knows least of it sees it; None if none says."""

    hot_lists: tuple[ListAge, ...]
    checkpoint: NewestCheckpoint | None
    disks: tuple[DiskState, ...]

    @property
    def ok(self) -> bool:
        """Whether every service is ready, no list is stale and no disk nearly full."""
        return not (
            any(one.faults for one in self.services)
            or any(one.stale for one in self.hot_lists)
            or any(one.nearly_full for one in self.disks)
        )


def state_of(urls: Mapping[str, str], disks: Iterable[DiskState], now: datetime) -> State:
    """Ask the services at `urls`, by name, for their state. A service that does not answer has that as its fault."""
    samples = _Samples()
    for url in urls.values():
        samples.add(_get(f"{url}/metrics"))
    waiting = samples.of("alpr_outbox_backlog").values()
    return State(
        services=tuple(_service(name, _get(f"{url}/readyz")) for name, url in urls.items()),
        lags=_lags(samples),
        outbox=int(sum(waiting)) if waiting else None,
        log_behind_s=max(samples.of("alpr_log_behind_seconds").values(), default=None),
        hot_lists=_hot_lists(samples, now),
        checkpoint=_checkpoint(_get(f"{urls['audit']}/v1/checkpoint")) if "audit" in urls else None,
        disks=(*disks, *_brokers(samples)),
    )


def disk_of(folder: Path) -> DiskState:
    """Return the state of the disk that holds a folder."""
    usage = shutil.disk_usage(folder)
    return DiskState(str(folder), 1 - usage.free / usage.total, usage.free)


@dataclass(frozen=True)
class _Page:
    """An answer of a service; without a status if there was none."""

    status: int | None
    body: str
    modified: str | None = None

    @property
    def is_ok(self) -> bool:
        return self.status == HTTPStatus.OK


def _get(url: str) -> _Page:
    """Fetch a page; what went wrong is the body of one without a status."""
    address = urlsplit(url)
    kind = http.client.HTTPSConnection if address.scheme == "https" else http.client.HTTPConnection
    link = kind(address.hostname or "", address.port, timeout=ANSWERS_WITHIN_S)
    try:
        link.request("GET", address.path)
        answer = link.getresponse()
        return _Page(answer.status, answer.read().decode(), answer.headers["Last-Modified"])
    except (OSError, http.client.HTTPException, UnicodeDecodeError) as exc:
        return _Page(None, f"does not answer ({type(exc).__name__})")
    finally:
        link.close()


def _service(name: str, readiness: _Page) -> ServiceState:
    return ServiceState(name, _faults(readiness), answers=readiness.status is not None)


def _faults(readiness: _Page) -> tuple[str, ...]:
    """Return what `/readyz` does not call ok."""
    if readiness.status is None:
        return (readiness.body,)
    try:
        states = json.loads(readiness.body)
        return tuple(f"{name}: {state}" for name, state in states.items() if not is_ok(str(state)))
    except (ValueError, AttributeError):
        return (f"gives no readiness (status {readiness.status})",)


class _Samples:
    """Samples of metrics by their labels. Services in one process report the same ones, which count once."""

    def __init__(self) -> None:
        self._values: dict[str, dict[tuple[tuple[str, str], ...], float]] = defaultdict(dict)

    def add(self, page: _Page) -> None:
        """Add the samples of a page; the console has none, and what is at a wrong address has others."""
        if not page.is_ok:
            return
        try:
            families = list(text_string_to_metric_families(page.body))
        except ValueError:
            return
        for family in families:
            for sample in family.samples:
                self._values[sample.name][tuple(sorted(sample.labels.items()))] = sample.value

    def of(self, metric: str) -> Mapping[tuple[tuple[str, str], ...], float]:
        """Return the values of a metric by their labels."""
        return self._values.get(metric, {})


def _lags(samples: _Samples) -> tuple[Lag, ...]:
    """Return the lag of each consumer group, the longest first."""
    sums: dict[str, float] = defaultdict(float)
    for labels, value in samples.of("alpr_consumer_lag").items():
        sums[dict(labels)["group"]] += value
    found = [Lag(group, int(events)) for group, events in sums.items()]
    return tuple(sorted(found, key=lambda lag: (-lag.events, lag.group)))


def _hot_lists(samples: _Samples, now: datetime) -> tuple[ListAge, ...]:
    """Return the lists in force, the one that is nearest to its limit first."""
    limits = samples.of("alpr_hotlist_stale_after_seconds")
    found = [
        ListAge(
            name=dict(labels)["list"],
            agency_ori=dict(labels)["agency"],
            source=dict(labels)["source"],
            age_s=max(0.0, now.timestamp() - as_of),
            stale_after_s=limits.get(labels, 0.0),
        )
        for labels, as_of in samples.of("alpr_hotlist_as_of_timestamp_seconds").items()
    ]
    return tuple(sorted(found, key=lambda one: one.stale_after_s - one.age_s))


def _checkpoint(page: _Page) -> NewestCheckpoint | None:
    """Return the checkpoint of a signed note; None before the first one, or without an answer."""
    lines = page.body.splitlines()
    if not page.is_ok or len(lines) < 2 or not lines[1].isdecimal():
        return None
    signed_at = parsedate_to_datetime(page.modified) if page.modified else None
    return NewestCheckpoint(int(lines[1]), signed_at)


def _brokers(samples: _Samples) -> list[DiskState]:
    used = samples.of("alpr_kafka_disk_used_ratio")
    return [
        DiskState(f"Kafka broker {dict(labels)['broker']}", value) for labels, value in used.items()
    ]
