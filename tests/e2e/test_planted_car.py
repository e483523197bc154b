"""The whole stack on Apache Kafka has no trace of a purged vehicle, and has its twin under a hold.

The car is photographed, read, matched, shown to people, listed for evidence, and never asked for by its plate.
docs/data.md lists the places that are searched, and those where a trace may be left.
"""

import asyncio
import os
import subprocess
import sys
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import UUID, uuid4

import asyncpg
import pytest
from aiokafka.admin import AIOKafkaAdminClient

from deploy.kafka.run import ApacheKafka
from local.demo.camera import post
from local.demo.client import Api
from local.demo.department import CAMERAS, Embedded, seed
from local.demo.listing import PURPOSE, Entry, put_in_force
from local.demo.story import Frame
from local.stack.data import port_of
from local.stack.launch import running
from local.stack.postgres import Postgres
from local.stack.servers import ROOT
from services.registry import names
from shared.events import Read
from shared.kafka.bus import KafkaBus
from shared.kafka.client import Kafka
from shared.kafka.requests import AlterConfigsRequest, ask
from shared.kafka.topics import TOPICS
from shared.service.spec import Kind
from shared.testing import eventually, recorded
from tests.e2e import traces
from tests.e2e.frames import frame, plates
from tests.e2e.traces import DEVICE, PICTURE, PLATE, TIME, Traces

FRAMES = 3
QUICK = {"log.retention.check.interval.ms": "500", "log.segment.delete.delay.ms": "100"}
"""Setting of the node: it deletes expired data soon."""
NOTE = "Reviewed against the adopted schedule"
ELSEWHERE = {
    "latitude": CAMERAS[0]["place"]["latitude"],
    "longitude": CAMERAS[0]["place"]["longitude"],
}

BEFORE = {
    "table retention.reads": {PLATE, DEVICE, TIME},
    "table retention.captures": {DEVICE, TIME},
    "table retention.plates": {PLATE},
    "table retention.passes": {PLATE, DEVICE, TIME},
    "table retention.pass_reads": {TIME},
    "table retention.device_days": {DEVICE},
    "table hotlist.hits": {PLATE, DEVICE, TIME},
    "table hotlist.sightings": {PLATE, TIME},
    "table audit.values": {PLATE, DEVICE, TIME},
    "table audit.findings": {PLATE, DEVICE},
    "topic alpr.capture.backfilled": {DEVICE, TIME},
    "topic alpr.capture.processed": {DEVICE, TIME},
    "topic alpr.read.recorded": {PLATE, DEVICE, TIME},
    "topic alpr.read.recorded.dead": {PLATE, DEVICE, TIME},
    "topic alpr.read.backfilled": {PLATE, DEVICE, TIME},
    "topic alpr.backfill.recognised": {PLATE, DEVICE, TIME},
    "topic alpr.read.contradicted": {PLATE, DEVICE},
    "topic alpr.pass.recorded": {PLATE, DEVICE, TIME},
    "topic alpr.hit.raised": {PLATE, DEVICE, TIME},
    "topic alpr.records.disclosed": {PLATE},
    "topic alpr.finding.raised": {PLATE, DEVICE},
    "file objects/captures": {DEVICE, PICTURE},
    "segments alpr.read.recorded": {PLATE, DEVICE, TIME},
    "segments alpr.read.recorded.dead": {PLATE, DEVICE, TIME},
    "statistics retention.plates": {PLATE},
    "file objects/crops": {DEVICE, PICTURE},
}
"""Where the car is at least before the purge, by docs/data.md."""

REGISTERED = {
    "table ingest.devices",
    "table ingest.credentials",
    "statistics audit.entries",
    "statistics ingest.devices",
    "statistics ingest.credentials",
    "statistics retention.devices",
    "table retention.devices",
    "table audit.entries",
    "topic alpr.device.changed",
}
"""Places that list the cameras: they do not show that one of them saw anything."""


@dataclass
class Vehicle:
    """One vehicle as one camera saw it, in frames and in a read that the camera made itself."""

    plate: str
    device: object
    moments: list[datetime]
    picture: bytes

    @property
    def traces(self) -> Traces:
        """The spellings and ids that betray it."""
        return Traces([self.plate], [UUID(self.device.device_id)], self.moments, [self.picture])


def hikvision(plate, at):
    """Return what a camera of that make posts beside its pictures."""
    return (
        f"<EventNotificationAlert><dateTime>{at.isoformat()}</dateTime><UUID>17</UUID>"
        "<eventType>ANPR</eventType><eventState>active</eventState><ANPR>"
        f"<licensePlate>{plate}</licensePlate><confidenceLevel>93</confidenceLevel></ANPR>"
        "</EventNotificationAlert>"
    ).encode()


def seen_by(device, plate, first_at):
    """Show a vehicle in three frames, 0.2 s apart, and in an edge read a second later."""
    moments = [first_at + timedelta(milliseconds=200 * n, microseconds=137) for n in range(FRAMES)]
    return Vehicle(
        plate, device, [*moments, first_at + timedelta(seconds=1, microseconds=911)], frame(plate)
    )


@pytest.mark.apache
@pytest.mark.smoke
@pytest.mark.clause("468.5/schedule")
@pytest.mark.clause("468.5/holds")
@pytest.mark.clause("wall/erasing")
async def test_a_purge_removes_every_trace_of_a_vehicle_and_keeps_its_held_twin(tmp_path):
    """The schedule is shortened by two days between two starts, instead of waiting for them."""
    tmp_path.chmod(0o755)
    with ApacheKafka(tmp_path / "kafka", settings=QUICK) as kafka:
        async with Stack(tmp_path, kafka, schedule_days=402) as stack:
            people = await seed(stack.api, Embedded(stack.folder))
            first_at = datetime.now(UTC).replace(second=13) - timedelta(days=401, hours=6)
            chosen = [plate for plate in plates(60) if "B" in plate or "Z" in plate]
            car = seen_by(people.devices[0], chosen[0], first_at)
            twin = seen_by(people.devices[1], chosen[-1], first_at + timedelta(seconds=73.4))
            await Story(people, stack, car, twin, others=chosen[1:3]).run_to_the_purge()
            await stack.database.execute("ANALYZE")  # as autovacuum does sooner or later

            there = await stack.search(car.traces) | await stack.search_segments(car.traces)
            missing = {place: kinds - there.get(place, set()) for place, kinds in BEFORE.items()}
            assert not any(missing.values()), (missing, there)

        async with Stack(tmp_path, kafka, schedule_days=400) as stack:
            await purge(people, stack)
            await stack.trim()
            allowed = {place: {DEVICE} for place in REGISTERED}
            left = await stack.search(car.traces)
            over = {place: kinds - allowed.get(place, set()) for place, kinds in left.items()}
            over = [f"{place}: {sorted(kinds)}" for place, kinds in sorted(over.items()) if kinds]
            assert not over, "\n".join(over)
            asked = await stack.database.fetch(
                "SELECT DISTINCT kind FROM audit.entries WHERE convert_from(entry, 'UTF8') LIKE $1",
                f"%{car.device.device_id}%",
            )
            told = {row["kind"] for row in asked}
            assert told <= {"device.changed", "device.silenced"}, "nothing but its making"

            still = await stack.search(twin.traces)
            for place in ("retention.held_reads", "hotlist.hits", "audit.values"):
                assert still[f"table {place}"] >= {PLATE, DEVICE, TIME}, place
            assert PICTURE in still["file objects/captures"]
            await stack.outlive_segments(car.traces)


class Stack:
    """The whole stack over one folder and Kafka, under a policy with a schedule of its own."""

    def __init__(self, folder, kafka, *, schedule_days):
        self.folder = folder / "stack"
        self.kafka = kafka
        self._policy = folder / f"policy-{schedule_days}.toml"
        text = (ROOT / "policy.toml").read_text()
        assert "schedule_days = 400" in text
        days = f"schedule_days = {schedule_days}"
        self._policy.write_text(text.replace("schedule_days = 400", days))
        self._running = AsyncExitStack()

    async def __aenter__(self):
        given = {
            "KAFKA_BOOTSTRAP": self.kafka.bootstrap,
            "POLICY_FILE": str(self._policy),
            "AUDIT_WATCH_S": "2",
        }
        up = self._running.enter_context(running(self.folder, "--port", "0", environment=given))
        self.api = await self._running.enter_async_context(Api(up.urls))
        servers = self.folder / "postgres"
        self.database = await asyncpg.connect(Postgres(servers, port=port_of(servers)).url())
        self._running.push_async_callback(self.database.close)
        return self

    async def __aexit__(self, *exc):
        await self._running.__aexit__(*exc)

    async def count(self, query):
        """Count rows by a query of the test's own."""
        return await self.database.fetchval(f"SELECT count(*) FROM {query}")

    async def search(self, wanted):
        """Return the places that contain `wanted`: rows, statistics, topics, objects, logs and other files."""
        return {
            **await traces.in_tables(self.database, wanted),
            **await traces.in_topics(self.kafka.bootstrap, wanted),
            **await asyncio.to_thread(traces.in_files, self.folder, wanted),
        }

    async def search_segments(self, wanted):
        """Return the files of Kafka's topics that contain `wanted`."""
        return await asyncio.to_thread(traces.in_segments, self.kafka.folder / "data", wanted)

    async def trim(self):
        """Run the command that trims, once, as it runs every 5 minutes."""
        given = {
            **os.environ,
            "KAFKA_BOOTSTRAP": self.kafka.bootstrap,
            "POLICY_FILE": str(self._policy),
        }
        command = [sys.executable, "-m", "shared.kafka.topics_admin", "trim"]
        done = await asyncio.to_thread(
            subprocess.run, command, env=given, cwd=ROOT, capture_output=True, text=True, check=True
        )
        assert "2 dead letters ended" in done.stdout

    async def outlive_segments(self, wanted):
        """Let the retention of the topics pass, by shortening it: their segments go, trimmed bytes with them."""
        assert await self.search_segments(wanted), "trimmed records lie on the disk for a while"
        names = [n for t in TOPICS.values() if not t.replayed for n in (t.name, t.dead)]
        admin = AIOKafkaAdminClient(bootstrap_servers=self.kafka.bootstrap)
        await admin.start()
        shorter = [(2, name, [("retention.ms", 0, "1")]) for name in names]
        answer = await ask(admin, AlterConfigsRequest(shorter, False))
        await admin.close()
        assert {response[0] for response in answer.responses} == {0}

        async def all_gone():
            assert not (found := await self.search_segments(wanted)), found
            return True

        await eventually(all_gone, within_s=120, every_s=2)


EVIDENCE_PURPOSE = {
    "kind": "criminal_investigation",
    "offence_type": "robbery",
    "case_number": "26-000815",
    "justification": "Records that are evidence in this case",
}


async def purge(people, stack):
    """Propose, authorise and execute a purge; wait until all services have followed."""
    for person in people.people:
        person.api = stack.api
    runs, began = "/v1/purge-runs", await stack.database.fetchval("SELECT now()")
    custodian, body = people.custodian, {"kind": "single", "reason": NOTE}
    run = await custodian.must("retention", "POST", runs, json=body)
    path, note = f"{runs}/{run['run_id']}", {"note": NOTE}
    await people.administrator.must("retention", "POST", f"{path}/authorisation", json=note)
    await people.lieutenant.must("retention", "POST", f"{path}/execution")

    async def certified():
        return (await custodian.must("retention", "GET", path))["state"] == "certified"

    await eventually(certified, within_s=180, every_s=0.5)
    for query in ("audit.erasures", "hotlist.hits WHERE purged_at IS NOT NULL"):
        await eventually(lambda query=query: stack.count(query), within_s=120, every_s=0.5)
    renewed = (
        "SELECT count(*) FROM pg_stat_user_tables WHERE last_analyze > $1 AND (schemaname, relname)"
        " IN (('retention', 'plates'), ('hotlist', 'hits'), ('audit', 'findings'))"
    )

    async def all_renewed():
        return await stack.database.fetchval(renewed, began) == 3

    await eventually(all_renewed, within_s=90, every_s=0.5)


class Story:
    """The work of cameras and people on both vehicles before the purge, and the purge."""

    def __init__(self, people, stack, car, twin, *, others):
        self.people = people
        self.stack = stack
        self.car = car
        self.twin = twin
        self.others = others
        minute = car.moments[0].replace(second=0, microsecond=0)
        self.window = (minute - timedelta(minutes=3), minute + timedelta(minutes=4))

    async def run_to_the_purge(self):
        """Do all steps up to the purge."""
        await self._list_them()
        for vehicle in (self.car, self.twin):
            await self._pass_by(vehicle)
        await self._are_there("hotlist.hits", 2)  # so late they are listed, and no alerts
        await self._traffic_that_stays()
        await self._refused_read()
        await self._are_there("retention.passes", 2)
        await self._work_hits()
        await self._canvass()
        await self._evidence_of_the_place()
        await self._hold({"plate": self.twin.plate})
        await self._breach_report()
        await self._are_there("audit.findings WHERE kind = 'contradicting_read'", 2)
        for schema in names(Kind.API):
            relayed = partial(self._is_empty, f"{schema}.outbox")
            await eventually(relayed, within_s=60, every_s=0.2)

    async def _are_there(self, query, least):
        async def enough():
            return await self.stack.count(query) >= least

        await eventually(enough, within_s=120, every_s=0.5)

    async def _is_empty(self, table):
        return await self.stack.count(table) == 0

    async def _list_them(self):
        """List the car by a part of its plate only, so that only its sighting has the plate."""
        tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
        await put_in_force(
            self.people.investigator, [Entry(self.twin.plate, "stolen_vehicle", "Reported stolen")]
        )
        [lists] = [await self.people.investigator.must("hotlist", "GET", "/v1/lists")]
        path = f"/v1/lists/{lists['items'][0]['list_id']}/entries"
        pattern = f"{self.car.plate[:2]}?{self.car.plate[3]}?{self.car.plate[5:]}"
        entry = {
            "plate": pattern,
            "record_kind": "canvass",
            "reason": "Robbery",
            "expires_at": tomorrow,
        }
        purpose = await self.people.investigator.declare(**PURPOSE)
        await self.people.investigator.must(
            "hotlist", "POST", path, json={"entries": [entry]}, purpose=purpose
        )

    async def _pass_by(self, vehicle):
        api = self.stack.api
        picture = Frame("passing.jpg", vehicle.picture, "image/jpeg")
        for at in vehicle.moments[:FRAMES]:
            await post(api, vehicle.device, picture, at=at)
        plate, at = f"{vehicle.plate[:4].lower()}-{vehicle.plate[4:]}", vehicle.moments[FRAMES]
        headers = {"Authorization": f"Bearer {vehicle.device.credential}"}
        form = [
            ("anpr.xml", ("anpr.xml", hikvision(plate, at), "text/xml")),
            ("licensePlatePicture", ("licensePlatePicture.jpg", vehicle.picture, "image/jpeg")),
            ("detectionPicture", ("detectionPicture.jpg", vehicle.picture, "image/jpeg")),
        ]
        await api.must("ingest", "POST", "/v1/makers/hikvision", files=form, headers=headers)
        contradicting = {
            "plate": "9XYX999",
            "source_id": "17",
            "confidence": 0.93,
            "captured_at": at.isoformat(),
        }
        body = [contradicting]
        await api.must("ingest", "POST", "/v1/reads", json=body, headers=headers)

    async def _traffic_that_stays(self):
        """Send other traffic of today and of just after the purge's reach, so that every table has rows left."""
        device = self.people.devices[1]
        after = datetime.now(UTC) - timedelta(days=400) + timedelta(minutes=30)
        for plate, at in zip(self.others, (after, datetime.now(UTC)), strict=True):
            await post(
                self.stack.api, device, Frame("other.jpg", frame(plate), "image/jpeg"), at=at
            )
        await self._are_there("retention.reads", 2 * FRAMES + 6)

    async def _refused_read(self):
        """Send a read with a circumstance that ingest never states of a camera's: a dead letter of two services."""
        at, device = self.car.moments[0], self.car.device
        read = Read(
            read_id=uuid4(),
            device_id=UUID(device.device_id),
            device_name=device.name,
            agency_ori="CA0520100",
            captured_at=at,
            received_at=datetime.now(UTC),
            source="recognition",
            plate=self.car.plate,
            plate_as_read=self.car.plate,
            confidence=0.9,
            model="broken",
        )
        bus = KafkaBus(Kafka.at(self.stack.kafka.bootstrap), "ingest")
        await bus.start()
        await bus.publish(recorded(read))
        await bus.stop()

    async def _work_hits(self):
        """See both hits with their pictures as an officer, verify and dispose of them."""
        officer = self.people.officer
        purpose = await officer.declare(
            kind="stolen_or_wanted_vehicle",
            offence_type="vehicle theft",
            case_number="26-000815",
            justification="Both vehicles were reported stolen",
        )
        hits = (await officer.must("hotlist", "GET", "/v1/hits", purpose=purpose))["items"]
        assert len(hits) == 2
        for hit in hits:
            path = f"/v1/hits/{hit['hit_id']}"
            await officer.must("hotlist", "GET", path, purpose=purpose)
            for picture in ("crop", "image"):
                await officer.ask("hotlist", "GET", f"{path}/{picture}", purpose=purpose)
            checked = {"method": "CLETS", "reference": "T26-1", "outcome": "correct_read"}
            await officer.must(
                "hotlist", "POST", f"{path}/verification", purpose=purpose, json=checked
            )
            done = {"disposition": "no contact", "enforcement": False}
            await officer.must("hotlist", "POST", f"{path}/disposition", purpose=purpose, json=done)

    async def _canvass(self):
        """Search for all vehicles that passed the place, page by page, with all that belongs to each."""
        investigator = self.people.investigator
        purpose = await investigator.declare(
            kind="crime_scene_canvass",
            offence_type="robbery",
            case_number="26-000815",
            justification="All that passed the scene at the time of the robbery",
        )
        asked = {
            "area": {**ELSEWHERE, "radius_m": 2000},
            "captured_from": self.window[0].isoformat(),
            "captured_to": self.window[1].isoformat(),
            "limit": 2,
        }
        found = []
        while True:
            page = await investigator.must(
                "retention", "POST", "/v1/reads/search", purpose=purpose, json=asked
            )
            found += page["items"]
            if page["next"] is None:
                break
            asked["after"] = page["next"]
        assert {self.car.plate, self.twin.plate} <= {read["plate"] for read in found}
        for read in found:
            paths = [f"/v1/reads/{read['read_id']}"]
            if read["has_crop"]:
                paths.append(f"/v1/reads/{read['read_id']}/crop")
            if read["capture_id"]:
                paths.append(f"/v1/captures/{read['capture_id']}")
                paths.append(f"/v1/captures/{read['capture_id']}/image")
            if read["pass_id"]:
                paths.append(f"/v1/passes/{read['pass_id']}")
            for path in paths:
                answer = await investigator.ask("retention", "GET", path, purpose=purpose)
                assert answer.is_success, (path, answer.text)

    async def _evidence_of_the_place(self):
        """Review and pack the records of a hold of the place, and then give the hold up."""
        custodian = self.people.custodian
        criteria = {
            "area": {**ELSEWHERE, "radius_m": 300},
            "captured_from": self.window[0].isoformat(),
            "captured_to": self.window[1].isoformat(),
        }
        hold, purpose = await self._hold(criteria)
        path = f"/v1/holds/{hold['hold_id']}/records"
        after = {}
        while True:
            page = await custodian.must(
                "retention", "GET", path, purpose=purpose, params={"limit": 2, **after}
            )
            if page["next"] is None:
                break
            after = {"after": page["next"]}
        export = await custodian.must(
            "retention", "POST", "/v1/evidence-exports", purpose=purpose,
            json={"hold_id": hold["hold_id"]}, headers={"Idempotency-Key": "once-only-1"},
        )  # fmt: skip
        path = f"/v1/evidence-exports/{export['export_id']}"

        async def made():
            state = (await custodian.must("retention", "GET", path, purpose=purpose))["state"]
            assert state in ("requested", "ready"), state
            return state == "ready"

        await eventually(made, within_s=90, every_s=0.5)
        package = await custodian.ask("retention", "GET", f"{path}/package", purpose=purpose)
        assert PLATE in self.car.traces.within(package.content)
        reason = {"reason": "Written to no medium; the case was dropped"}
        await custodian.must(
            "retention", "POST", f"{path}/withdrawal", purpose=purpose, json=reason
        )
        path = f"/v1/holds/{hold['hold_id']}/release"
        another = self.people.investigator
        purpose = await another.declare(**EVIDENCE_PURPOSE)
        await another.must("retention", "POST", path, purpose=purpose, json=reason)

    async def _hold(self, criteria):
        custodian = self.people.custodian
        purpose = await custodian.declare(**EVIDENCE_PURPOSE)
        body = {
            "basis": "evidence",
            "case_number": "26-000815",
            "description": "Robbery at Solano Street",
            "criteria": criteria,
        }
        return await custodian.must(
            "retention", "POST", "/v1/holds", purpose=purpose, json=body
        ), purpose

    async def _breach_report(self):
        """Review the investigator's accesses as the auditor."""
        auditor = self.people.auditor
        purpose = await auditor.declare(
            kind="audit",
            offence_type="periodic audit",
            case_number="AUD-2026-02",
            justification="What an account reached, as an exercise",
        )
        asked = {
            "person_id": self.people.investigator.account_id,
            "occurred_from": (datetime.now(UTC) - timedelta(hours=1)).isoformat(),
            "occurred_to": (datetime.now(UTC) + timedelta(hours=1)).isoformat(),
        }
        await auditor.must("audit", "POST", "/v1/breach-reports", purpose=purpose, json=asked)
        asked = {"kind": "records.disclosed"}
        await auditor.must("audit", "POST", "/v1/entries/search", purpose=purpose, json=asked)
        await auditor.must("audit", "GET", "/v1/findings", purpose=purpose)
