"""The tree and its proofs, against RFC 6962's known vectors and against the definition itself."""

import pytest

from services.audit.domain.proofs import (
    GENESIS,
    chained,
    consistency_spans,
    hashes_of,
    inclusion_spans,
    nodes_of,
    verify_consistency,
    verify_inclusion,
)
from shared.core.merkle import EMPTY_ROOT, Frontier, Node, Span, leaf_hash, node_hash, root_of

# The test data of the Certificate Transparency reference implementation for RFC 6962.
INPUTS = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
INCLUSION = {
    (0, 1): [],
    (0, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (5, 8): [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 3): ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
    (1, 5): [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}
CONSISTENCY = {
    (1, 1): [],
    (1, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (6, 8): [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 5): [
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}
LEAVES = [leaf_hash(data) for data in INPUTS]


def mth(leaves):
    """Compute RFC 6962's own definition, written down without optimisation."""
    if not leaves:
        return EMPTY_ROOT
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return node_hash(mth(leaves[:k]), mth(leaves[k:]))


def prove(spans, leaves):
    def hash_of(node):
        return mth(leaves[slice(*node.span)])

    return hashes_of(spans, hash_of)


@pytest.mark.parametrize("size", range(1, 9))
def test_roots_are_those_of_the_reference(size):
    assert root_of(LEAVES[:size]).hex() == ROOTS[size - 1]


def test_an_empty_log_has_the_hash_of_the_empty_string():
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert root_of([]).hex() == empty


@pytest.mark.parametrize(("asked", "expected"), INCLUSION.items())
def test_inclusion_proofs_are_those_of_the_reference(asked, expected):
    index, size = asked
    path = prove(inclusion_spans(index, size), LEAVES)
    assert [h.hex() for h in path] == expected
    assert verify_inclusion(LEAVES[index], index, size, path, bytes.fromhex(ROOTS[size - 1]))


@pytest.mark.parametrize(("asked", "expected"), CONSISTENCY.items())
def test_consistency_proofs_are_those_of_the_reference(asked, expected):
    old, new = asked
    path = prove(consistency_spans(old, new), LEAVES)
    assert [h.hex() for h in path] == expected
    roots = (bytes.fromhex(ROOTS[old - 1]), bytes.fromhex(ROOTS[new - 1]))
    assert verify_consistency(old, new, *roots, path)


@pytest.mark.clause("468.6/unalterable")
def test_all_proofs_of_logs_up_to_33_entries_verify_and_altered_ones_do_not():
    leaves = [leaf_hash(bytes([n])) for n in range(33)]
    roots = [mth(leaves[:n]) for n in range(34)]
    for size in range(1, 34):
        for index in range(size):
            path = prove(inclusion_spans(index, size), leaves)
            assert verify_inclusion(leaves[index], index, size, path, roots[size])
            assert not verify_inclusion(leaves[index - 1], index, size, path, roots[size - 1])
            assert not verify_inclusion(leaves[index], index, size, [*path, GENESIS], roots[size])
            if path:
                assert not verify_inclusion(leaves[index], index, size, path[:-1], roots[size])
        for old in range(1, size + 1):
            path = prove(consistency_spans(old, size), leaves)
            assert verify_consistency(old, size, roots[old], roots[size], path)
            assert not verify_consistency(old, size, roots[old - 1], roots[size], path)
            assert not verify_consistency(old, size, roots[old], roots[size - 1], path)
            assert not verify_consistency(old, size, roots[old], roots[size], [*path, GENESIS])
            if path:
                assert not verify_consistency(old, size, roots[old], roots[size], path[1:])


def test_an_inclusion_proof_is_for_its_place_only():
    leaves = [leaf_hash(bytes([n])) for n in range(20)]
    path = prove(inclusion_spans(7, 20), leaves)
    for other in range(-1, 21):
        held = verify_inclusion(leaves[7], other, 20, path, mth(leaves))
        assert held == (other == 7)


def test_the_frontier_keeps_the_root_at_every_size_and_returns_completed_nodes():
    frontier, completed = Frontier(), {}
    leaves = [leaf_hash(bytes([n])) for n in range(64)]
    for number, leaf in enumerate(leaves):
        for node, value in frontier.append(leaf):
            completed[node] = value  # noqa: PERF403 - appending goes on between
        assert frontier.root() == mth(leaves[: number + 1])
        assert len(frontier.peaks) == (number + 1).bit_count()
    assert len(completed) == 63
    for node, value in completed.items():
        assert value == mth(leaves[slice(*node.span)])


def test_a_copy_of_a_frontier_is_independent():
    frontier = Frontier()
    frontier.append(LEAVES[0])
    other = frontier.copy()
    other.append(LEAVES[1])
    assert frontier.root().hex() == ROOTS[0]
    assert other.root().hex() == ROOTS[1]


def test_a_span_is_divided_into_complete_subtrees():
    assert nodes_of(Span(0, 7)) == [Node(2, 0), Node(1, 2), Node(0, 6)]
    assert nodes_of(Span(8, 11)) == [Node(1, 4), Node(0, 10)]


@pytest.mark.clause("468.6/unalterable")
def test_the_chain_depends_on_every_entry_before():
    one = chained(chained(GENESIS, LEAVES[0]), LEAVES[1])
    other = chained(chained(GENESIS, LEAVES[2]), LEAVES[1])
    assert one != other


@pytest.mark.parametrize(("index", "size"), [(-1, 3), (3, 3), (0, 0)])
def test_an_entry_that_is_not_in_the_log_has_no_proof(index, size):
    with pytest.raises(ValueError, match="not in a log"):
        inclusion_spans(index, size)


@pytest.mark.parametrize("before", range(20))
@pytest.mark.parametrize("added", [*range(20), 63, 64, 65])
def test_leaves_added_together_give_the_same_tree_as_one_by_one(before, added):
    leaves = [leaf_hash(bytes([number])) for number in range(before + added)]
    one_by_one, together = Frontier(), Frontier()
    for leaf in leaves:
        one_by_one.append(leaf)
    for leaf in leaves[:before]:
        together.append(leaf)
    together.extend(leaves[before:])
    assert together == one_by_one
    assert together.root() == root_of(leaves)
