"""The schemas of what requests may hold, from the committed OpenAPI documents."""

SAMPLES = ("examples", "example", "enum", "default")
"""Keys of a schema whose values are values, and no schemas."""


def accepted(document):
    """Yield the place, the name and the schema of each parameter, and of each body, which has no name."""
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            for parameter in operation.get("parameters", []):
                name = parameter["name"]
                yield f"{method} {path} {name}", name, parameter["schema"]
            for content in operation.get("requestBody", {}).get("content", {}).values():
                yield f"{method} {path}", None, content["schema"]


def within(document, schema, seen=()):
    """Yield every schema within `schema`, itself included, at every depth."""
    if isinstance(schema, list):
        for part in schema:
            yield from within(document, part, seen)
    elif isinstance(schema, dict):
        yield schema
        name = schema.get("$ref", "").removeprefix("#/components/schemas/")
        if name and name not in seen:
            yield from within(document, document["components"]["schemas"][name], (*seen, name))
        for key, part in schema.items():
            if key not in SAMPLES:
                yield from within(document, part, seen)
