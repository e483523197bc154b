"""The committed OpenAPI documents are those that the code serves, and are fit for a generated client."""

import json
import re
from functools import cache

import pytest

from deploy import openapi
from deploy.openapi import FOLDER, SERVICES, text
from services.registry import names
from shared.http.app import OPEN
from shared.service.spec import Kind

document = cache(openapi.document)


@pytest.mark.parametrize("service", SERVICES)
def test_the_committed_document_is_what_the_service_serves(service):
    committed = (FOLDER / f"{service}.json").read_text()
    assert committed == text(service), "run `make openapi` and look at what changed"


def operations(service):
    for path, item in document(service)["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


@pytest.mark.parametrize("service", SERVICES)
def test_operation_ids_are_unique_and_every_operation_is_described(service):
    found = list(operations(service))
    ids = [operation["operationId"] for _, _, operation in found]
    assert len(ids) == len(set(ids)) > 0
    for path, method, operation in found:
        assert operation.get("summary"), f"{method} {path}"


def misnamed(method, operation, schemas):
    """Whether an operation's id does not begin as its method and its answer require."""
    verb = operation["operationId"].partition("_")[0]
    if method == "patch":
        return verb != "update"
    if method != "get" or verb in ("stream", "prove"):
        return False
    answer = operation["responses"]["200"].get("content", {}).get("application/json", {})
    name = answer.get("schema", {}).get("$ref", "").rpartition("/")[2]
    is_page = {"items", "next"} <= schemas.get(name, {}).get("properties", {}).keys()
    return (verb == "list") is not is_page or verb not in ("list", "get", "download")


@pytest.mark.parametrize("service", names(Kind.API))
def test_operations_of_one_kind_have_the_same_verb(service):
    schemas = document(service)["components"]["schemas"]
    found = [
        o for path, m, o in operations(service) if path not in OPEN and misnamed(m, o, schemas)
    ]
    assert not [operation["operationId"] for operation in found]


@pytest.mark.parametrize(
    ("method", "operation", "answer"),
    [
        ("patch", "change_list", "ListOut"),
        ("get", "list_waiting_hits", "WaitingHitsOut"),
        ("get", "get_lists", "Page_ListOut_"),
        ("get", "read_document", None),
    ],
)
def test_an_operation_with_another_verb_is_reported(method, operation, answer):
    schemas = {"Page_ListOut_": {"properties": {"items": {}, "next": {}}}, "ListOut": {}}
    schema = {"schema": {"$ref": f"#/components/schemas/{answer}"}} if answer else {}
    content = {"content": {"application/json": schema}}
    assert misnamed(method, {"operationId": operation, "responses": {"200": content}}, schemas)


def creates(path, paths):
    """Whether a POST to `path` adds a resource that has a path or a list of its own."""
    noun = path.rpartition("/")[2]
    items = (f"{path}/{{", f"{path}/current")
    return any(
        other.startswith(items) or (other.endswith(f"/{noun}") and "get" in item)
        for other, item in paths.items()
    )


@pytest.mark.parametrize("service", names(Kind.API))
def test_a_post_answers_201_exactly_if_it_creates_a_resource(service):
    paths = document(service)["paths"]
    for path, method, operation in operations(service):
        [status] = [code for code in operation["responses"] if code[0] == "2"]
        wanted = {"201", "202"} if creates(path, paths) else {"200", "202", "204"}
        assert method != "post" or status in wanted, f"{operation['operationId']}: {status}"
        assert method == "post" or status in ("200", "204"), operation["operationId"]


@pytest.mark.parametrize(
    ("path", "created"),
    [
        ("/v1/lists", True),
        ("/v1/lists/{list_id}/entries", True),
        ("/v1/lists/{list_id}/entries/{entry_id}/removal", False),
        ("/v1/sessions", True),
        ("/v1/sessions/renewal", False),
        ("/v1/training", True),
    ],
)
def test_a_post_creates_a_resource_if_it_has_a_path_or_a_list(path, created):
    paths = {
        "/v1/lists": {"get": {}, "post": {}},
        "/v1/lists/{list_id}/entries": {"post": {}},
        "/v1/lists/{list_id}/entries/{entry_id}/removal": {"post": {}},
        "/v1/sessions": {"post": {}},
        "/v1/sessions/current": {"delete": {}},
        "/v1/sessions/renewal": {"post": {}},
        "/v1/training": {"post": {}},
        "/v1/accounts/{account_id}/training": {"get": {}},
    }
    assert creates(path, paths) is created


SELECTIONS = {"due", "waiting", "proposed"}
"""Last words of a path that select some of the resources that the word before them names."""


@pytest.mark.parametrize("service", names(Kind.API))
def test_the_operation_id_of_a_list_contains_the_noun_of_its_path(service):
    for path, method, operation in operations(service):
        words = [word for word in path.split("/") if word not in SELECTIONS]
        noun = words[-1].replace("-", "_")
        if method == "get" and operation["operationId"].startswith("list_"):
            assert noun in operation["operationId"], path


@pytest.mark.parametrize("service", names(Kind.API))
def test_no_schema_of_an_answer_is_without_a_name_or_a_type(service):
    for path, _, operation in operations(service):
        if path in OPEN:
            continue
        for code, response in operation["responses"].items():
            answer = response.get("content", {}).get("application/json")
            assert code[0] != "2" or answer is None or "$ref" in answer["schema"], path
    names_of_schemas = set(document(service)["components"]["schemas"])
    assert not names_of_schemas & {"Body", "Count", "Kind", "Person", "Status"}


@pytest.mark.parametrize("service", names(Kind.API))
def test_each_guarded_operation_names_its_permission_and_its_security_scheme(service):
    named = 0
    for path, method, operation in operations(service):
        if path in OPEN:
            continue
        if "x-permission" in operation:
            assert operation["security"], f"{method} {path}"
            named += 1
    assert named, f"{service} has no operation with a permission"


@pytest.mark.parametrize("service", names(Kind.API))
def test_bodies_have_examples(service):
    schemas = document(service)["components"]["schemas"]
    for path, method, operation in operations(service):
        content = operation.get("requestBody", {}).get("content", {})
        for media, body in content.items():
            if media != "application/json":
                continue
            shown = json.dumps(body)
            for name in [part.split('"')[0] for part in shown.split("#/components/schemas/")[1:]]:
                shown += json.dumps(schemas[name])
            assert '"example' in shown, f"{service}: {method} {path} shows no example"


def nameless(schema):
    """Yield the texts of enums, anywhere in a document, of which a generator of clients can make no name."""
    if isinstance(schema, dict):
        named = schema.get("enum", ())
        if isinstance(named, list):
            yield from (one for one in named if isinstance(one, str) and not NAMEABLE.search(one))
        for below in schema.values():
            yield from nameless(below)
    elif isinstance(schema, list):
        for below in schema:
            yield from nameless(below)


NAMEABLE = re.compile(r"[A-Za-z]")


@pytest.mark.parametrize("service", SERVICES)
def test_generators_of_clients_can_name_each_value_of_an_enum(service):
    assert not list(nameless(document(service)))


def test_a_value_without_a_letter_is_reported():
    planted = {"LayoutIn": {"anyOf": [{"enum": [",", "\t", "tab"]}, {"type": "null"}]}}
    assert list(nameless(planted)) == [",", "\t"]
