"""Prometheus itself on loopback, as tests run it, and what they ask it."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from local.stack.process import LOOPBACK, Child, LocalError, Server, free_port, listens

Labels = dict[str, str]


def program(named: str, otherwise: str = "make test-chaos PROMETHEUS=path") -> str:
    """Return the path of Prometheus' program. Raises: LocalError that says how to install it."""
    found = shutil.which(named)
    if found is None:
        raise LocalError(
            f"{named} is missing. Debian has it: apt-get install prometheus. Or name it: {otherwise}"
        )
    return found


def at_every_s(every_s: int) -> dict[str, str]:
    """Return the global settings that scrape and evaluate so often."""
    every = f"{every_s}s"
    return {"scrape_interval": every, "scrape_timeout": every, "evaluation_interval": every}


class Prometheus(Server):
    """A Prometheus with a configuration and rules."""

    NAME = "Prometheus"

    def __init__(
        self, program: str, folder: Path, config: Mapping[str, Any], rules: Mapping[str, Any]
    ) -> None:
        self._folder = folder.absolute()
        self._program = program
        self._config = {**config, "rule_files": ["rules.yaml"]}
        self._rules = rules
        self._port = free_port()
        self._server: Child | None = None

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://{LOOPBACK}:{self._port}"

    @property
    def config(self) -> Mapping[str, Any]:
        """The configuration that it was started with."""
        return self._config

    def start(self) -> None:
        """Write its configuration and start it."""
        self._folder.mkdir(parents=True)
        (self._folder / "rules.yaml").write_text(json.dumps(self._rules))
        self._write(self._config)
        command = [
            self._program,
            f"--config.file={self._folder / 'prometheus.yaml'}",
            f"--storage.tsdb.path={self._folder / 'data'}",
            f"--web.listen-address={LOOPBACK}:{self._port}",
            "--web.enable-lifecycle",
        ]
        self._server = Child(self.NAME, command, log=self._folder / "prometheus.log")
        self._server.start()
        self._server.wait_ready(lambda: listens(self._port), within_s=60)

    def stop(self) -> None:
        """Stop it."""
        if self._server is not None:
            self._server.stop()

    def reload(self, config: Mapping[str, Any] | None = None) -> None:
        """Have it use another configuration, or its own again."""
        self._write(self._config if config is None else {**config, "rule_files": ["rules.yaml"]})
        httpx.post(f"{self.url}/-/reload", timeout=30).raise_for_status()

    def _write(self, config: Mapping[str, Any]) -> None:
        (self._folder / "prometheus.yaml").write_text(json.dumps(config))

    async def query(self, expr: str) -> list[dict[str, Any]]:
        """Return the series of an expression now, each with `metric` and `value`."""
        return await self._asked("query", {"query": expr})

    async def series(
        self, expr: str, begin_s: float, end_s: float, step_s: float
    ) -> list[dict[str, Any]]:
        """Return the series of an expression over a time, each with `metric` and `values`."""
        span = {"start": f"{begin_s:.3f}", "end": f"{end_s:.3f}", "step": f"{step_s:g}"}
        return await self._asked("query_range", {"query": expr, **span})

    async def _asked(self, what: str, parameters: Mapping[str, str]) -> list[dict[str, Any]]:
        async with httpx.AsyncClient(timeout=30) as client:
            answer = await client.get(f"{self.url}/api/v1/{what}", params=dict(parameters))
        found: list[dict[str, Any]] = answer.raise_for_status().json()["data"]["result"]
        return found

    async def firing(self) -> list[Labels]:
        """Return the labels of each alert that fires now."""
        return [one["metric"] for one in await self.query('ALERTS{alertstate="firing"}')]

    async def fired(self) -> list[Labels]:
        """Return the labels of each alert that has fired, also of those that have cleared."""
        query = 'max_over_time(ALERTS{alertstate="firing"}[2h])'
        return [one["metric"] for one in await self.query(query)]
