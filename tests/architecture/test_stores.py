"""Every store method that gives out ALPR records takes a `Grant`, itself or when its store is made."""

import ast

from tests.architecture.source import ROOT, modules, tree

RECORDS = {
    "retention": {"Read", "Capture", "Pass", "Hold", "Export", "Booking"},
    "hotlist": {"Row", "Mapping"},
    "release": {"Request", "Document"},
}
"""By service: the types in which records leave its store."""

NOT_GIVEN_OUT = {
    ("retention", "active"): "holds as the purge weighs them; nobody is shown them",
    ("retention", "claim"): "work that waits; who does it reads records by a grant of its own",
    ("hotlist", "after"): "feeds the hub; each alert is disclosed by `deliver` before it is sent",
    ("release", "of_agency"): "whether a document is the agency's own; its bytes need `read`",
    ("release", "lock"): "holds a request for the decision that follows, which has a grant",
}
"""Public store methods that read records for the service's own work, and why nobody sees them."""


def names(node):
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name)} if node is not None else set()


def takes_grant(function):
    arguments = [*function.args.args, *function.args.kwonlyargs]
    return any("Grant" in names(argument.annotation) for argument in arguments)


def public_methods(path):
    """Public functions of a module, each with whether its class is made with a grant."""
    for node in tree(path).body:
        functions = [node]
        granted = False
        if isinstance(node, ast.ClassDef):
            functions = node.body
            made = [f for f in functions if isinstance(f, ast.FunctionDef) and f.name == "__init__"]
            granted = any(takes_grant(f) for f in made)
        for function in functions:
            is_function = isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
            if is_function and not function.name.startswith("_"):
                yield function, granted


def test_records_leave_a_store_only_for_a_grant():
    checked = 0
    unused = set(NOT_GIVEN_OUT)
    for service, records in RECORDS.items():
        for path in modules(f"services/{service}/store"):
            for function, granted in public_methods(path):
                if not names(function.returns) & records:
                    continue
                checked += 1
                if (service, function.name) in NOT_GIVEN_OUT:
                    unused.discard((service, function.name))
                    continue
                where = f"{path.relative_to(ROOT)}: {function.name}"
                assert granted or takes_grant(function), (
                    f"{where} gives out records without a grant"
                )
    assert checked >= 15, "found hardly any: the walk is broken, not the stores clean"
    assert not unused, f"no longer there: {unused}"


def test_what_a_store_gives_out_is_disclosed():
    """Each of these services writes disclosures from its store or its streams."""
    for service in RECORDS:
        source = "".join(path.read_text() for path in modules(f"services/{service}"))
        assert "disclose(" in source or "disclosures(" in source, service
