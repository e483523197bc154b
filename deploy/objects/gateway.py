"""versitygw (Apache-2.0) on loopback, built from Go's module proxy: `make objects`, or a context manager in tests."""

import contextlib
import secrets
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from deploy.go import installed
from local.stack.process import LOOPBACK, Child, LocalError, Server, free_port, held, listens

VERSION = "v1.8.0"
"""As in docker-compose.yml; a test compares the two."""

MODULE = "github.com/versity/versitygw/cmd/versitygw"
CACHE = Path(__file__).resolve().parents[2] / ".objects"
"""Cache of the program between runs; never committed."""

REGION = "us-east-1"
ROOT = "plateward"


def program(cache: Path = CACHE) -> Path:
    """Return the server's program; builds it with Go if it is missing (about 2.5 min of one core).

    Raises: LocalError if Go is needed and missing, or cannot build it.
    """
    return installed(MODULE, VERSION, cache)


@dataclass
class Gateway(Server):
    """One versitygw over `folder`, with users of its own (`--iam-dir`), as in docker-compose.yml."""

    NAME: ClassVar[str] = "the S3 server"

    folder: Path
    port: int = 0
    """Loopback port; 0 picks a free one at the first start."""
    root_secret: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    """Secret of the key ROOT, which has all rights."""
    _server: Child | None = field(default=None, init=False, repr=False)
    _held: contextlib.ExitStack = field(
        default_factory=contextlib.ExitStack, init=False, repr=False
    )

    def start(self) -> None:
        """Start, and wait until it answers clients. Raises: LocalError."""
        self.folder = self.folder.absolute()
        self._held.enter_context(held(self.folder, self.NAME))
        self.port = self.port or free_port()
        for name in ("objects", "iam"):
            (self.folder / name).mkdir(exist_ok=True)
        self._server = Child(
            self.NAME,
            [
                str(program()), "--port", f"{LOOPBACK}:{self.port}", "--quiet",
                "--iam-dir", str(self.folder / "iam"), "posix", str(self.folder / "objects"),
            ],
            log=self.folder / "versitygw.log",
            env={"ROOT_ACCESS_KEY": ROOT, "ROOT_SECRET_KEY": self.root_secret},
        )  # fmt: skip
        try:
            self._server.start()
            self._server.wait_ready(lambda: listens(self.port))
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop; does nothing if not started."""
        if self._server is not None:
            self._server.stop()
        self._held.close()

    @property
    def url(self) -> str:
        """Address for `AWS_ENDPOINT_URL`."""
        return f"http://{LOOPBACK}:{self.port}"


def main() -> int:
    """Build the program."""
    try:
        print(program())
    except LocalError as fault:
        print(f"plateward: {fault}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
