"""`make test-compose`: docker-compose.yml as it is, on Docker Engine, through restarts, kills and an upgrade.

It needs an engine that `docker` reaches (`python -m deploy.containers.engine` provides one). Its project is
`plateward-test`; it ends with that project's containers, volumes and networks removed. Images stay.
"""

import argparse
import asyncio
import contextlib
import io
import json
import shutil
import ssl
import subprocess
import sys
import tarfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from deploy.containers.debian import CACHE
from local.demo.client import Api
from local.demo.department import Department, seed
from local.demo.story import StepFailed
from local.stack.process import LocalError, free_port
from services.registry import SPECS
from tests.containers.project import Project, ProjectFault, exit_text, timed
from tests.trials.host import Host
from tests.trials.job import do_main_job
from tests.trials.posting import Posting
from tests.trials.transcript import Failed, Transcript

ROOT = Path(__file__).parents[2]
NAME = "plateward-test"
FROM = "6175e43c"
"""The commit to upgrade from while no version has a tag; later migrations change tables of three services."""

SERVICES = (*SPECS,)
STORES = ("kafka", "postgres", "objects", "proxy")
OUTWARD = {"audit", "identity", "proxy"}
"""The containers that have a way outside: to send findings, to mail invitations, to have a certificate signed."""

KILLED = ("ingest", "kafka", "postgres", "objects", "proxy")
WELL_WITHIN_S = 600.0
STOPS_WITHIN_S = 30.0


@dataclass
class Trial:
    """One run."""

    project: Project
    port: int
    smoke: bool
    frames: int
    out: Transcript = field(default_factory=Transcript)

    async def run(self, before: Path | None) -> None:
        """Do everything; `before` has the source of the version to upgrade from. Raises: Failed and others."""
        new = self.project
        self.project = new.at(before) if before else new
        await self.build("before" if before else "this version")
        await self.up("first_up_s")
        if not before:
            self.networks()
        async with Api(self.urls(), await self.transport()) as api:
            people = await seed(api, Host(self.project.execute))
            await self.job(api, people, "hot list", "job")
            posting = await Posting.register(api, people, self.out)
            if before:
                await self.upgrade(new, posting)
                self.networks()
                await self.job(api, people, "hot list of the new version", "job_after_upgrade")
            await self.restarts(posting)
            if not self.smoke:
                await self.kills(posting)
                await self.again(posting)
            await self.verify_log()

    async def build(self, what: str) -> None:
        """Build every image from deploy/Dockerfile."""
        seconds = await asyncio.to_thread(timed, lambda: self.project.compose("build"))
        self.out.line(
            f"images of {what} built in {seconds:.0f} s",
            **{f"build_{what.replace(' ', '_')}_s": round(seconds)},
        )

    async def up(self, figure: str) -> None:
        """Start, and wait until everything is well."""

        def start() -> None:
            self.project.compose("up", "--detach")
            self.project.await_well(WELL_WITHIN_S)

        seconds = await asyncio.to_thread(timed, start)
        self.out.line(
            f"up, and all containers healthy, after {seconds:.0f} s", **{figure: round(seconds)}
        )

    def urls(self) -> dict[str, str]:
        """Return the services' addresses at the proxy."""
        return {name: f"https://localhost:{self.port}/{name}" for name in SERVICES}

    async def transport(self) -> httpx.AsyncHTTPTransport:
        """Return a transport that trusts the proxy's own authority."""
        path = "/data/caddy/pki/authorities/local/root.crt"
        pem = await asyncio.to_thread(self.project.execute, "proxy", "cat", path)
        return httpx.AsyncHTTPTransport(verify=ssl.create_default_context(cadata=pem))

    async def job(self, api: Api, people: Department, hot_list: str, figure: str) -> None:
        """Do the main job through the proxy."""
        folder = self.project.folder / figure
        await do_main_job(api, people, self.out, folder, self.frames, hot_list)

    async def upgrade(self, new: Project, posting: Posting) -> None:
        """Upgrade as docs/operations/upgrade.md says, with data in place, while a camera posts."""
        entries = await self._entries()
        self.project = new
        async with posting.meanwhile("upgrade_reads"):
            await asyncio.to_thread(new.draw_secrets, {})
            await self.build("this version")
            await self.up("upgrade_s")
            await asyncio.sleep(5)
        for person in (posting.people.investigator, posting.people.auditor):
            await person.sign_in()
        if await self._entries() < entries:
            raise Failed("the audit log has fewer entries than before the upgrade")

    async def restarts(self, posting: Posting) -> None:
        """Stop all services, which must end by themselves, and start them again; a camera posts meanwhile."""
        stopped = ("ingest",) if self.smoke else SERVICES
        async with posting.meanwhile("restart_reads"):
            began = time.monotonic()
            codes = await asyncio.to_thread(self.project.stop, stopped)
            seconds = time.monotonic() - began
            said = ", ".join(f"{name} {exit_text(code)}" for name, code in sorted(codes.items()))
            self.out.line(f"stopped in {seconds:.1f} s, exit: {said}", stop_s=round(seconds, 1))
            if any(codes.values()):
                raise Failed("a service did not end by itself when it was stopped")
            await self.up("start_again_s")
            for name in stopped:
                seconds = await asyncio.to_thread(self._restart, name)
                self.out.line(f"{name} restarted and healthy in {seconds:.1f} s")
                self.out.figures.setdefault("restarts_s", {})[name] = round(seconds, 1)

    def _restart(self, name: str) -> float:
        seconds = timed(lambda: self.project.compose("restart", name))
        return seconds + self.project.await_well(WELL_WITHIN_S)

    async def kills(self, posting: Posting) -> None:
        """Kill -9 a service, every store and the proxy at once, while a camera posts."""
        async with posting.meanwhile("kill_reads"):
            await asyncio.to_thread(self.project.kill, KILLED)
            seconds = await asyncio.to_thread(self.project.await_well, WELL_WITHIN_S)
            await asyncio.sleep(3)
        self.out.line(
            f"killed {', '.join(KILLED)}: all healthy after {seconds:.0f} s",
            kill_recovery_s=round(seconds),
        )

    async def again(self, posting: Posting) -> None:
        """Take all containers down, start them again, and find everything."""
        before = sorted(await posting.recorded())
        seconds = await asyncio.to_thread(timed, lambda: self.project.compose("down"))
        self.out.line(f"down in {seconds:.0f} s", down_s=round(seconds))
        await self.up("second_up_s")
        if sorted(await posting.recorded()) != before:
            raise Failed("the records differ after down and up")

    def networks(self) -> None:
        """See which containers have a way outside."""
        found = self.project.reaching_outside((*SERVICES, *STORES))
        self.out.line(f"with a way outside: {', '.join(sorted(found))}")
        if found != OUTWARD:
            raise Failed(f"these reach outside, or do not: {', '.join(sorted(found ^ OUTWARD))}")

    async def _entries(self) -> int:
        """Verify the whole audit log in audit's container; returns its entries."""
        said = await asyncio.to_thread(
            self.project.execute,
            "audit",
            "python",
            "-m",
            "plateward",
            "verify-audit",
            "--own-key",
            "--json",
        )
        return int(json.loads(said)["entries"])

    async def verify_log(self) -> None:
        """Verify the whole audit log."""
        entries = await self._entries()
        self.out.line(f"the audit log verifies: {entries} entries", log_entries=entries)


def source_of(commit: str, folder: Path) -> Path:
    """Write the source of a commit into `folder`; returns it. Raises: Failed."""
    git = shutil.which("git") or "git"
    done = subprocess.run([git, "archive", commit], cwd=ROOT, capture_output=True, check=False)
    if done.returncode != 0:
        raise Failed(f"there is no commit {commit} here: {done.stderr.decode().strip()}")
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(folder, filter="data")
    let_the_proxy_write(folder / "docker-compose.yml")
    return folder


def let_the_proxy_write(file: Path) -> None:
    """Mend what kept every version up to 28 November 2026 from its first start: the proxy's folder was root's."""
    mount = "[{ type: volume, source: proxy, target: /data, volume: { nocopy: true } }]"
    file.write_text(file.read_text().replace('["proxy:/data"]', mount))


def last_tag() -> str | None:
    """Return the newest tag before this commit."""
    done = subprocess.run(
        ["git", "describe", "--tags", "--abbrev=0", "HEAD^"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.stdout.strip() if done.returncode == 0 else None


def main() -> int:
    """Run; 0 if everything held."""
    parser = argparse.ArgumentParser(prog="make test-compose", description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="start, the main job, one restart")
    parser.add_argument(
        "--from", dest="before", help=f"the version to upgrade from, else the last tag or {FROM}"
    )
    parser.add_argument("--frames", type=int, help="how many frames the main job posts")
    given = parser.parse_args()
    folder = CACHE / "run"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    port = free_port()
    project = Project(ROOT, folder, NAME)
    trial = Trial(project, port, given.smoke, given.frames or (8 if given.smoke else 30))
    fault = ""
    try:
        before = None
        if not given.smoke:
            chosen = given.before or last_tag() or FROM
            before = source_of(chosen, folder / "before")
            trial.out.line(f"upgrading from {chosen}", upgraded_from=chosen)
        project.at(before or ROOT).draw_secrets({"HTTPS_PORT": str(port)})
        if project.left():
            project.remove()
        asyncio.run(trial.run(before))
    except (Failed, StepFailed, ProjectFault, LocalError, httpx.HTTPError) as exc:
        fault = str(exc)
        trial.out.line(f"FAILED: {fault}")
        with contextlib.suppress(ProjectFault):
            (folder / "containers.log").write_text(project.compose("logs", "--no-color"))
    finally:
        with contextlib.suppress(ProjectFault):
            project.remove()
        left = project.left()
        trial.out.line(
            f"ended; left of the project: {', '.join(left) or 'nothing'}", ok=not fault and not left
        )
    print(json.dumps(trial.out.figures))
    return 1 if fault or left else 0


if __name__ == "__main__":
    sys.exit(main())
