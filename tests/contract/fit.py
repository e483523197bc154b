"""What an OpenAPI document must be so that the generators of clients make all of its operations (ADR-0069)."""

import re
from collections.abc import Iterator
from typing import Any

from shared.http.openapi import BINARY, OCTETS

JSON, PROBLEM = "application/json", "application/problem+json"
PROBLEM_REF = {"$ref": "#/components/schemas/Problem"}
ID = re.compile(r"[a-z]+(_[a-z]+)*")
LONGEST_ID = 30
SAID_BY_FASTAPI = "Successful Response"


def faults(document: dict[str, Any]) -> list[str]:
    """Return what is wrong with a document, each fault with the operation or the schema that has it."""
    return [*_of_the_whole(document), *_of_operations(document), *_of_arrays(document, "document")]


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each operation with its id."""
    for item in document["paths"].values():
        for operation in item.values():
            yield operation["operationId"], operation


def _of_the_whole(document: dict[str, Any]) -> Iterator[str]:
    info = document["info"]
    if not document["openapi"].startswith("3.1"):
        yield "document: is not OpenAPI 3.1"
    if not info["title"].startswith("Plateward ") or not info.get("description"):
        yield "document: has no title of ours, or no description"
    if not info.get("contact") or not document.get("servers"):
        yield "document: has no contact or no server"
    needed = {"type", "title", "status", "code", "params", "detail"}
    if not needed <= document["components"]["schemas"]["Problem"]["properties"].keys():
        yield "Problem: lacks a member"


def _of_operations(document: dict[str, Any]) -> Iterator[str]:
    tags = {tag["name"] for tag in document.get("tags", []) if tag.get("description")}
    for name, operation in operations(document):
        found = [
            *_of_the_id(name),
            *_of_the_body(operation.get("requestBody")),
            *_of_answers(operation["responses"]),
            *_of_parameters(operation.get("parameters", [])),
        ]
        yield from (f"{name}: {fault}" for fault in found)
        if len(operation.get("tags", [])) != 1 or operation["tags"][0] not in tags:
            yield f"{name}: has not one declared tag"


def _of_the_id(name: str) -> Iterator[str]:
    if not ID.fullmatch(name) or len(name) > LONGEST_ID:
        yield "its id is long or no plain name"


def _of_the_body(body: dict[str, Any] | None) -> Iterator[str]:
    if body is None:
        return
    if len(body["content"]) != 1:
        yield "takes more than one media type"
    for kind, media in body["content"].items():
        if kind not in (JSON, OCTETS):
            yield f"takes {kind}"
        if kind == OCTETS and (media.get("schema") != BINARY or not body.get("description")):
            yield "takes a file that is no binary, or that it does not describe"
        if kind == JSON and not _named(media.get("schema", {})):
            yield "takes a body whose schema has no name"


def _of_answers(answers: dict[str, Any]) -> Iterator[str]:
    for status, answer in answers.items():
        if answer.get("description", "") in ("", SAID_BY_FASTAPI):
            yield f"{status} is not described"
        content = answer.get("content", {})
        if status[0] in "45":
            if content != {PROBLEM: {"schema": PROBLEM_REF}}:
                yield f"{status} is no problem document"
        elif status != "204":
            yield from (f"{status} {fault}" for fault in _of_content(content))
    if not {"4XX", "5XX"} <= answers.keys():
        yield "does not document its refusals"


def _of_content(content: dict[str, Any]) -> Iterator[str]:
    """What is wrong with an answer: it is JSON or text of one media type, or bytes, of whichever types."""
    if not content:
        yield "has no type"
    if any(not media.get("schema") for media in content.values()):
        yield "has no schema"
    one = len(content) == 1 and next(iter(content))
    if not (one and (one == JSON or one.startswith("text/"))):
        if next(iter(content), None) != OCTETS:
            yield f"does not name {OCTETS} first"
        if any(media.get("schema") != BINARY for media in content.values()):
            yield "is not typed as binary"


def _of_parameters(parameters: list[dict[str, Any]]) -> Iterator[str]:
    for parameter in parameters:
        if parameter["in"] == "header" and "date-time" in str(parameter["schema"]):
            yield f"the header {parameter['name']} is a time"


def _of_arrays(value: Any, where: str) -> Iterator[str]:
    if isinstance(value, dict):
        if value.get("type") == "array" and "items" not in value:
            yield f"{where}: an array without items"
        for name, member in value.items():
            yield from _of_arrays(member, where if name == "properties" else name)
    if isinstance(value, list):
        for member in value:
            yield from _of_arrays(member, where)


def _named(schema: dict[str, Any]) -> bool:
    inner = schema.get("items", schema) if schema.get("type") == "array" else schema
    options = [one for one in inner.get("anyOf", [inner]) if one != {"type": "null"}]
    return all("$ref" in option for option in options)
