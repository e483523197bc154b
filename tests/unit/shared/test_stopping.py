"""A signal to stop ends a service's streams, and the handler that was installed earlier still runs."""

import signal

from shared.service.stopping import before_stop
from shared.testing import eventually


async def test_a_signal_closes_the_streams_and_reaches_the_server():
    heard: list[str] = []
    before = signal.signal(signal.SIGTERM, lambda *_: heard.append("server"))
    server = signal.getsignal(signal.SIGTERM)
    try:
        with before_stop(lambda: heard.append("streams")):
            signal.raise_signal(signal.SIGTERM)
            await eventually(lambda: sorted(heard) == ["server", "streams"])
        assert signal.getsignal(signal.SIGTERM) is server
    finally:
        signal.signal(signal.SIGTERM, before)
