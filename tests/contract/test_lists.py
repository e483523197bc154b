"""Every list that a service answers with is a Page, and every way to ask for more is `after` and `limit`."""

import json

from tests.architecture.source import ROOT

DOCUMENTS = sorted((ROOT / "docs/openapi").glob("*.json"))
PAGE = {"items", "next", "count"}
NO_LIST = {"/.well-known/jwks.json"}  # RFC 7517 defines a key set


def answers(document):
    """Yield each route with the schema of its good answer."""
    for path, methods in document["paths"].items():
        for method, route in methods.items():
            for status, answer in route["responses"].items():
                schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
                if status.startswith("2") and "$ref" in schema:
                    name = schema["$ref"].rpartition("/")[2]
                    yield f"{method} {path}", route, document["components"]["schemas"][name]


def test_every_list_is_a_page_with_after_and_limit():
    pages = 0
    for file in DOCUMENTS:
        document = json.loads(file.read_text())
        for where, route, schema in answers(document):
            names = set(schema.get("properties", {}))
            assert not names & {"next_after", "next_cursor", "cursor"}, where
            asked = {one["name"] for one in route.get("parameters", []) if one["in"] == "query"}
            assert not asked & {"before", "cursor", "offset", "page"}, where
            if "items" in names and names >= PAGE:
                pages += 1
                is_get = where.startswith("get ")
                assert not is_get or asked >= {"after", "limit"}, where
            if "next" in names:
                assert names >= PAGE, where
    assert pages >= 15


def test_no_answer_is_a_bare_wrapper_around_one_list():
    for file in DOCUMENTS:
        for where, _, schema in answers(json.loads(file.read_text())):
            if where.partition(" ")[2] in NO_LIST:
                continue
            properties = schema.get("properties", {})
            if len(properties) == 1:
                [(name, only)] = properties.items()
                assert only.get("type") != "array", f"{file.stem} {where}: {name} is not a Page"
