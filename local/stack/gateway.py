"""Serves APIs on one port in one process: `python -m local.stack.gateway identity ingest`."""

import sys

import uvicorn

from local.stack.dispatch import dispatcher
from local.stack.services import APIS, PAGES, build
from shared.core.collector import spare_collector
from shared.core.logs import configure_logging
from shared.service.settings import CommonSettings


def main() -> None:
    """Serve the named services until a signal stops the process; settings come from the environment."""
    names = sys.argv[1:] or (*APIS, *PAGES)
    settings = CommonSettings()
    configure_logging(settings.log_format)
    app = dispatcher({name: build(name) for name in names})
    spare_collector()
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.port,
        access_log=False,  # query strings contain plates
        log_config=None,
        server_header=False,
        lifespan="on",
        timeout_graceful_shutdown=3,
    )


if __name__ == "__main__":
    main()
