"""A process that used the object store ends with its own exit status, not with an abort."""

import _thread
import subprocess
import sys
import textwrap
import threading
from contextlib import contextmanager

from shared.objects.ending import wait_for_threads

SLOW = textwrap.dedent("""
    import asyncio, sys, time
    from pathlib import Path
    from shared.objects.opening import open_store

    class Slow(asyncio.SelectorEventLoop):
        def call_soon_threadsafe(self, *given, **named):
            handle = super().call_soon_threadsafe(*given, **named)
            time.sleep(0.3)  # the thread that handed the result over is still in Python
            return handle

    async def use():
        store = open_store(Path(sys.argv[1]).as_uri())
        await store.put("a/b", b"content")
        return await store.get("a/b")

    with asyncio.Runner(loop_factory=Slow) as runner:
        print(runner.run(use()))
    sys.exit(3)
""")


def test_a_process_ends_with_its_own_status_though_the_store_has_not_let_go(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", SLOW, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (3, "b'content'\n"), done.stderr


@contextmanager
def thread_in(function):
    """Run a thread in `function`, which Python enters first, as a library's thread does; end it with the test."""
    thread_started, may_end, ended = threading.Event(), threading.Event(), threading.Event()
    _thread.start_new_thread(function, (thread_started, may_end, ended))
    assert thread_started.wait(10)
    yield
    may_end.set()
    assert ended.wait(10)


def call_soon_threadsafe(started, may_end, ended):
    started.set()
    may_end.wait()
    ended.set()


def anything_else(*events):
    call_soon_threadsafe(*events)


def test_other_threads_are_not_waited_for():
    with thread_in(anything_else):
        assert wait_for_threads(0.5)


def test_a_thread_that_stays_is_not_waited_for_without_end():
    with thread_in(call_soon_threadsafe):
        assert not wait_for_threads(0.2)
    assert wait_for_threads(10)
