"""The committed OpenAPI documents are those that the code serves, and are fit for a generated client."""

import json

import pytest

from deploy.openapi import FOLDER, SERVICES, document, text
from services.registry import names
from shared.http.app import OPEN
from shared.service.spec import Kind


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
def test_operations_of_one_kind_begin_alike(service):
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
def test_an_operation_that_begins_in_another_way_is_found(method, operation, answer):
    schemas = {"Page_ListOut_": {"properties": {"items": {}, "next": {}}}, "ListOut": {}}
    schema = {"schema": {"$ref": f"#/components/schemas/{answer}"}} if answer else {}
    content = {"content": {"application/json": schema}}
    assert misnamed(method, {"operationId": operation, "responses": {"200": content}}, schemas)


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
