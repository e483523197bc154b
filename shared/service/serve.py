"""Runs one service's app: `python -m services.<service>`."""

from typing import Any

import uvicorn

from shared.core.collector import spare_collector
from shared.core.errors import AlprError
from shared.core.logs import configure_logging
from shared.service.header_timeout import HeaderTimeout
from shared.service.settings import CommonSettings
from shared.service.spec import ServiceSpec

IDLE_CONNECTION_S = 130
"""How long an idle connection stays open: longer than any proxy in front of it uses one again.

A proxy that sends a request on a connection which the service closes at that moment answers 502 (ADR-0081).
"""


class NotBuilt(Exception):
    """A service's settings, or the files that they name, do not let it start; `why` says it."""

    def __init__(self, why: Exception) -> None:
        super().__init__(str(why))
        self.why = why


def serve(spec: ServiceSpec) -> None:
    """Serve a service, with its settings from the environment, until a signal stops it.

    There is no access log, because query strings contain plates. Raises: NotBuilt.
    """
    try:
        settings = spec.settings_class()()
        app = spec.build_app(settings)
    except (AlprError, ValueError, OSError) as exc:
        raise NotBuilt(exc) from exc
    configure_logging(settings.log_format)
    spare_collector()
    uvicorn.run(app, **options(settings))


def options(settings: CommonSettings) -> dict[str, Any]:
    """Return the options of uvicorn; it accepts the client's address from trusted proxies."""
    return {
        "host": settings.host,
        "port": settings.port,
        "http": HeaderTimeout,
        "proxy_headers": True,
        "forwarded_allow_ips": settings.forwarded_allow_ips,
        "access_log": False,
        "log_config": None,
        "server_header": False,
        "timeout_keep_alive": IDLE_CONNECTION_S,
        "timeout_graceful_shutdown": 10,
    }
