"""Every committed OpenAPI document is fit for the generators of clients, and each kind of fault is found."""

import copy
import json

import pytest

from deploy.openapi import FOLDER, SERVICES
from shared.http.openapi import BINARY, OCTETS
from tests.contract.fit import PROBLEM, SAID_BY_FASTAPI, faults, operations


def committed(service):
    return json.loads((FOLDER / f"{service}.json").read_text())


@pytest.mark.parametrize("service", SERVICES)
def test_an_openapi_document_suits_client_generators(service):
    assert faults(committed(service)) == []
    assert len(list(operations(committed(service)))) >= 3


def test_all_documents_share_the_problem_schema_except_its_codes():
    found = [committed(service)["components"]["schemas"]["Problem"] for service in SERVICES]
    for problem in found:
        assert problem["properties"]["code"].pop("enum")
    assert all(problem == found[0] for problem in found)


RETENTION = committed("retention")
UPLOAD = ("release", "upload_document")
IMAGE = ("retention", "get_image")
SEARCH = ("retention", "search_reads")


def planted(where, change):
    """The faults of a document after `change` of one of its operations."""
    service, name = where
    document = copy.deepcopy(committed(service))
    change(dict(operations(document))[name])
    return faults(document)


def content(operation, status="200"):
    return operation["responses"][status]["content"]


@pytest.mark.parametrize(
    ("where", "change", "fault"),
    [
        (UPLOAD, lambda o: o["requestBody"]["content"].update({"image/png": {"schema": BINARY}}),
         "takes more than one media type"),
        (UPLOAD, lambda o: o["requestBody"].update(content={"text/csv": {"schema": {}}}), "takes text/csv"),
        (UPLOAD, lambda o: o["requestBody"]["content"].update({OCTETS: {"schema": {"type": "string"}}}),
         "takes a file that is no binary, or that it does not describe"),
        (SEARCH, lambda o: o["requestBody"]["content"].update({"application/json": {"schema": {"type": "object"}}}),
         "takes a body whose schema has no name"),
        (IMAGE, lambda o: content(o).pop(OCTETS), f"200 does not name {OCTETS} first"),
        (IMAGE, lambda o: content(o).update({"image/png": {"schema": {"type": "string"}}}),
         "200 is not typed as binary"),
        (SEARCH, lambda o: o["responses"]["200"].pop("content"), "200 has no type"),
        (SEARCH, lambda o: content(o).update({"application/json": {}}), "200 has no schema"),
        (SEARCH, lambda o: o["responses"]["200"].update(description=SAID_BY_FASTAPI), "200 is not described"),
        (SEARCH, lambda o: content(o, "4XX").update({"text/plain": content(o, "4XX").pop(PROBLEM)}),
         "4XX is no problem document"),
        (SEARCH, lambda o: o["responses"].pop("5XX"), "does not document its refusals"),
        (SEARCH, lambda o: o.update(tags=["unheard of"]), "has not one declared tag"),
        (SEARCH, lambda o: o["parameters"].append({"name": "X-At", "in": "header", "schema": {"format": "date-time"}}),
         "the header X-At is a time"),
    ],
)  # fmt: skip
def test_a_fault_of_an_operation_is_found(where, change, fault):
    assert f"{where[1]}: {fault}" in planted(where, change)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda d: d.update(openapi="3.0.3"), "document: is not OpenAPI 3.1"),
        (lambda d: d["info"].update(title="Release"), "document: has no title of ours, or no description"),
        (lambda d: d.pop("servers"), "document: has no contact or no server"),
        (lambda d: d["components"]["schemas"]["Problem"]["properties"].pop("code"), "Problem: lacks a member"),
        (lambda d: d["components"]["schemas"]["PolygonIn"]["properties"]["points"].pop("items"),
         "points: an array without items"),
        (lambda d: d["paths"]["/v1/reads/search"]["post"].update(operationId="search_v1_reads_search_post"),
         "search_v1_reads_search_post: its id is long or no plain name"),
    ],
)  # fmt: skip
def test_a_fault_of_a_document_is_found(change, fault):
    document = copy.deepcopy(RETENTION)
    change(document)
    assert fault in faults(document)
