"""The two clients in Python behind one way to call them, so that both run the same story."""

import importlib
import json
import time
from collections.abc import Callable
from functools import partial
from inspect import getfullargspec
from io import BytesIO
from typing import Any

import pytest

from deploy.openapi import FOLDER
from tests.contract.fit import operations


class Refused(Exception):
    """A service refused, with a status and a problem code."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(f"{status} {code}")
        self.answer = {"status": status, "code": code}


def refusal(call: Callable[..., Any], *arguments: Any, **parameters: Any) -> dict[str, Any]:
    """Return the status and the problem code of a call that has to be refused."""
    with pytest.raises(Refused) as refused:
        call(*arguments, **parameters)
    return refused.value.answer


class Small:
    """A service as one caller, by openapi-python-client: `service.post_reads(reads)` calls that operation.

    Arguments are those of the path and then the body; `purpose` is the header's token, the others are the query's.
    """

    def __init__(self, service: str, url: str, credential: str | None) -> None:
        self._package = f"small_{service}"
        self._tags = tags(service)
        made = importlib.import_module(self._package)
        self._client = made.Client(base_url=url)
        if credential is not None:
            self._client = made.AuthenticatedClient(base_url=url, token=credential)

    def model(self, name: str, /, **values: Any) -> Any:
        """Return a body of the class `name`."""
        models = importlib.import_module(f"{self._package}.models")
        return getattr(models, name).from_dict(values)

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        return partial(self._call, operation)

    def _call(
        self, operation: str, *arguments: Any, purpose: str | None = None, **query: Any
    ) -> Any:
        made = importlib.import_module(f"{self._package}.api.{self._tags[operation]}.{operation}")
        of_path = len(getfullargspec(made.sync_detailed).args)
        path, bodies = arguments[:of_path], arguments[of_path:]
        for body in bodies:
            query["body"] = self._file(body) if isinstance(body, bytes) else body
        query |= {"x_alpr_purpose": purpose} if purpose is not None else {}
        answer = made.sync_detailed(*path, client=self._client, **query)
        if answer.status_code >= 400:
            raise Refused(int(answer.status_code), answer.parsed.code.value)
        return answer.parsed.payload.read() if hasattr(answer.parsed, "payload") else answer.parsed

    def _file(self, content: bytes) -> Any:
        types = importlib.import_module(f"{self._package}.types")
        return types.File(payload=BytesIO(content))

    def close(self) -> None:
        """Close its connections."""
        self._client.get_httpx_client().close()


class Big:
    """The same, by openapi-generator."""

    def __init__(self, service: str, url: str, credential: str | None) -> None:
        self._made = importlib.import_module(f"big_{service}")
        self._tags = tags(service)
        settings = self._made.Configuration(host=url, access_token=credential)
        self._client = self._made.ApiClient(settings)

    def model(self, name: str, /, **values: Any) -> Any:
        """Return a body of the class `name`."""
        return getattr(self._made, name).from_dict(values)

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        return partial(self._call, operation)

    def _call(
        self, operation: str, *arguments: Any, purpose: str | None = None, **query: Any
    ) -> Any:
        api = getattr(self._made, f"{self._tags[operation].title()}Api")(self._client)
        query |= {"x_alpr_purpose": purpose} if purpose is not None else {}
        try:
            answer = getattr(api, operation)(*arguments, **query)
        except self._made.ApiException as refused:
            raise Refused(refused.status, refused.data.code) from None
        return bytes(answer) if isinstance(answer, bytearray) else answer

    def close(self) -> None:
        """Close its connections."""
        self._client.rest_client.pool_manager.clear()


def tags(service: str) -> dict[str, str]:
    """Return the tag of each operation: clients sort operations by it."""
    document = json.loads((FOLDER / f"{service}.json").read_text())
    return {name: operation["tags"][0] for name, operation in operations(document)}


POLL_S = 0.3
"""Generated clients block and have no stream of changes, so a story asks again after this pause."""


def until(ask: Callable[[], Any], is_done: Callable[[Any], bool], within_s: float = 120) -> Any:
    """Ask until the answer is the awaited one; return it. Raises: TimeoutError."""
    deadline = time.monotonic() + within_s
    while not is_done(answer := ask()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"still {answer}")
        time.sleep(POLL_S)
    return answer
