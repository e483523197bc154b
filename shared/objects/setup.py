"""Gives each service its user and rights at a versitygw server; runs once in a container of compose.

`python -m shared.objects.setup` creates the bucket, missing users (and sets their secrets), the bucket policy of
shared/objects/rights.py and the object `ping`. Repeating it changes nothing. It needs the server's root key, which
no service has.

Settings: AWS_ENDPOINT_URL, AWS_REGION, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY of the server's root,
OBJECTS_BUCKET, and OBJECTS_SECRET_<SERVICE> for each service with a key.
"""

import hashlib
import hmac
import json
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from urllib.parse import quote, urlencode, urlsplit
from xml.sax.saxutils import escape

from shared.objects.rights import PING, RIGHTS, bucket_policy, user_of

WITHIN_S = 20.0


class SetupFault(Exception):
    """The server refused a request; the message says which, and holds no secret."""


@dataclass(frozen=True)
class Server:
    """An S3 server and the key that signs requests to it (AWS Signature Version 4)."""

    url: str
    region: str
    access: str
    secret: str = field(repr=False)

    def send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> tuple[int, bytes]:
        """Send a signed request; returns status and body. Raises: OSError if the server does not answer."""
        asked = urlencode(sorted((query or {}).items()), quote_via=quote)
        headers = self._signed(method, path, asked, body, datetime.now(UTC))
        address = f"{self.url}{path}{'?' + asked if asked else ''}"
        request = urllib.request.Request(  # noqa: S310 - the operator's own address
            address, data=body or None, headers=headers, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=WITHIN_S) as answer:  # noqa: S310
                return answer.status, answer.read()
        except urllib.error.HTTPError as refused:
            return refused.code, refused.read()

    def _signed(
        self, method: str, path: str, query: str, body: bytes, now: datetime
    ) -> dict[str, str]:
        """Return the headers of a request with its signature."""
        digest = hashlib.sha256(body).hexdigest()
        at, day = f"{now:%Y%m%dT%H%M%SZ}", f"{now:%Y%m%d}"
        signed = {
            "host": urlsplit(self.url).netloc,
            "x-amz-content-sha256": digest,
            "x-amz-date": at,
        }
        lines = "".join(f"{name}:{value}\n" for name, value in signed.items())
        canonical = "\n".join((method, quote(path), query, lines, ";".join(signed), digest))
        scope = f"{day}/{self.region}/s3/aws4_request"
        text = "\n".join(
            ("AWS4-HMAC-SHA256", at, scope, hashlib.sha256(canonical.encode()).hexdigest())
        )
        key = f"AWS4{self.secret}".encode()
        for part in (day, self.region, "s3", "aws4_request"):
            key = hmac.digest(key, part.encode(), "sha256")
        signature = hmac.digest(key, text.encode(), "sha256").hex()
        authorization = (
            f"AWS4-HMAC-SHA256 Credential={self.access}/{scope},"
            f"SignedHeaders={';'.join(signed)},Signature={signature}"
        )
        return {**signed, "authorization": authorization}


def set_up(server: Server, bucket: str, secrets: Mapping[str, str]) -> None:
    """Create bucket, users, policy and `ping`. `secrets`: by service. Raises: SetupFault, OSError."""
    if server.send("HEAD", f"/{bucket}")[0] == HTTPStatus.NOT_FOUND:
        _must(server.send("PUT", f"/{bucket}"), "the bucket")
    for service in RIGHTS:
        _make_user(server, user_of(service), secrets[service])
    policy = json.dumps(bucket_policy(bucket), separators=(",", ":")).encode()
    _must(server.send("PUT", f"/{bucket}", {"policy": ""}, policy), "the policy")
    _must(server.send("PUT", f"/{bucket}/{PING}"), "the object ping")


def _make_user(server: Server, user: str, secret: str) -> None:
    access, key = escape(user), escape(secret)
    account = f"<Account><Access>{access}</Access><Secret>{key}</Secret><Role>user</Role></Account>"
    status, body = server.send("PATCH", "/create-user", body=account.encode())
    if status == HTTPStatus.CONFLICT:
        changed = f"<MutableProps><Secret>{key}</Secret></MutableProps>".encode()
        status, body = server.send("PATCH", "/update-user", {"access": user}, changed)
    _must((status, body), f"the user {user}")


def _must(answer: tuple[int, bytes], what: str) -> None:
    status, body = answer
    if status >= HTTPStatus.BAD_REQUEST:
        said = body.decode(errors="replace")[:300]
        raise SetupFault(f"{what} was refused with {status}: {said}")


def main() -> int:
    """Set the server up from the environment."""
    environ = os.environ
    try:
        server = Server(
            environ["AWS_ENDPOINT_URL"].rstrip("/"),
            environ["AWS_REGION"],
            environ["AWS_ACCESS_KEY_ID"],
            environ["AWS_SECRET_ACCESS_KEY"],
        )
        secrets = {service: environ[f"OBJECTS_SECRET_{service.upper()}"] for service in RIGHTS}
        set_up(server, environ["OBJECTS_BUCKET"], secrets)
    except KeyError as missing:
        print(f"objects: {missing.args[0]} is not set", file=sys.stderr)
        return 1
    except (SetupFault, OSError) as fault:
        print(f"objects: {fault}", file=sys.stderr)
        return 1
    print(f"objects: {len(RIGHTS)} users have their rights")
    return 0


if __name__ == "__main__":
    sys.exit(main())
