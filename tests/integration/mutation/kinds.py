"""The kinds of mutation. Each changes an image in place and returns the changed places.

`careful` mutations are those of a forger who knows the format: numbers and hashes are made anew. Those
break only signed data, so the verifier can name the signed stretch and no single entry.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random

import msgspec

from services.audit.actions.export import Disclosed, ErasedPart, KeyProof, Signature
from shared.core.signed_notes import Checkpoint, Signer
from tests.integration.mutation.image import Image, Item, Touched

STRANGER = bytes(range(7, 39))


def _somewhere(rng: Random, image: Image, margin: int = 1) -> int:
    """Return a place among the items that is not at their end."""
    return rng.randrange(len(image.items) - margin)


def _altered(rng: Random, content: bytes) -> bytes:
    """Return an entry with another value somewhere in its text."""
    places = [m.start() for m in re.finditer(rb"[a-z0-9]", content)]
    place = rng.choice(places)
    now = content[place : place + 1]
    other = rng.choice([c for c in b"abcdefghij0123456789" if bytes([c]) != now])
    return content[:place] + bytes([other]) + content[place + 1 :]


def _forged_entry(rng: Random, item: Item) -> bytes:
    """Return an entry like this one, with an id of its own."""
    entry = msgspec.json.decode(item.content)
    fresh = f"{rng.getrandbits(32):08x}-0000-4000-8000-{rng.getrandbits(48):012x}"
    return item.content.replace(entry["id"].encode(), fresh.encode())


def _from(image: Image, place: int) -> Touched:
    """Return all places from an item on: those that careful mutations change."""
    begin = image.first + place
    sizes = {Checkpoint.parse(note.checkpoint).size for _, note in image.notes}
    return Touched([(begin, 1 << 62)], {s for s in sizes if s > begin})


def _shift(image: Image, place: int, by: int) -> None:
    """Keep notes after the same items when `by` items were added at `place`."""
    image.notes = [(at + by if at > place else at, note) for at, note in image.notes]


def _careful(rng: Random, image: Image, place: int, touched: Touched) -> Touched:
    """Sometimes make numbers and hashes anew, and move checkpoints to the places of their sizes."""
    if rng.random() < 0.5:
        touched.how += " naively"
        return touched
    whole = _from(image, place)
    image.rechain(place)
    image.notes = [(_size(note) - image.first, note) for _, note in image.notes]
    whole.sizes |= touched.sizes
    whole.how = touched.how + " carefully"
    return whole


def _size(note: Signature) -> int:
    return Checkpoint.parse(note.checkpoint).size


def _resigned(image: Image, note: Signature, seed: bytes, **changes: object) -> Signature:
    """Return the checkpoint signed with another key, or with one part changed."""
    old = Checkpoint.parse(note.checkpoint)
    parts = {
        name: getattr(old, name)
        for name in ("origin", "size", "root", "chain", "previous", "closing")
    }
    made = Checkpoint(**(parts | changes))
    return Signature(checkpoint=Signer(image.opening.origin, seed).sign(made.text))


def _point(image: Image, *places: int, how: str) -> Touched:
    return Touched([(image.first + p, image.first + p) for p in places], how=how)


def edit(rng: Random, image: Image) -> Touched:
    place = _somewhere(rng, image)
    item = image.items[place]
    how = rng.choice(["text", "text", "hash", "byte", "index", "node"])
    if how == "byte" and not image.stored:
        return _flip(rng, image)
    if how == "hash":
        item.entry_hash = rng.randbytes(32)
        return _point(image, place, place + 1, how="an entry's hash")
    if how == "index":
        found = item.found
        other = msgspec.structs.replace(found, case_number=f"26-{rng.randrange(1 << 30)}")
        if image.stored:  # a database: the columns for queries are stored beside the entries
            item.found = other
            return _point(image, place, how="what an entry is filed under")
    if how == "node" and image.stored and len(image.items) >= 256:
        image.nodes_fault = rng.randrange(len(image.items) // 256)
        return Touched([(256 * image.nodes_fault, 256 * image.nodes_fault + 255)], how="a subtree")
    item.content = _altered(rng, item.content)
    if rng.random() < 0.5:
        return _point(image, place, how="an entry's text")
    touched = _from(image, place)
    image.rechain(place)
    touched.how = "an entry's text, hashes made anew"
    return touched


def _flip(rng: Random, image: Image) -> Touched:
    """Change a byte somewhere in the file."""
    raw = bytearray(image.export())
    place = rng.choice([n for n, byte in enumerate(raw) if byte != 10])
    raw[place] = rng.choice([b for b in range(32, 127) if b != raw[place]])
    number = bytes(raw[:place]).count(b"\n") + 1
    was = image.export().splitlines()[number - 1]
    image.raw = bytes(raw)
    line = image.raw.splitlines(keepends=True)[number - 1]
    touched = Touched(lines={number}, how=f"a byte of line {number}")
    if number == 1:  # holds the positions of all lines
        touched.entries = [(0, 1 << 62)]
        touched.sizes = {_size(note) for _, note in image.notes} | {image.end}
    elif number <= 1 + len(image.before):  # about entries before the first
        touched.entries = [(0, image.first)]
    elif not line.startswith(b'{"c'):
        before = image.raw.splitlines()[1 : number - 1]
        seq = image.first + sum(text.startswith(b'{"seq"') for text in before)
        if was.startswith(b'{"of"'):  # about the entry before it
            touched.entries = [(seq - 1, seq)]
            return touched
        wrong = re.match(rb'\{"seq":(\d+)', line)
        touched.entries = [(seq, seq), *([(int(wrong[1]), int(wrong[1]))] if wrong else [])]
    return touched


def delete(rng: Random, image: Image) -> Touched:
    count = rng.randint(1, 5)
    place = _somewhere(rng, image, count + 1)
    last = image.first + place + count
    del image.items[place : place + count]
    image.notes = [
        (at if at <= place else max(place, at - count), note) for at, note in image.notes
    ]
    touched = Touched([(image.first + place, last)], how=f"{count} entries")
    sizes = {_size(note) for _, note in image.notes}
    touched.sizes = {s for s in sizes if image.first + place < s <= last}
    return _careful(rng, image, place, touched)


def insert(rng: Random, image: Image) -> Touched:
    place = _somewhere(rng, image)
    like = rng.choice(image.items)
    item = Item(image.first + place, _forged_entry(rng, like), rng.randbytes(32), b"", like.found)
    image.items.insert(place, item)
    item.leaf = rng.randbytes(32)
    _shift(image, place, 1)
    touched = _point(image, place, place + 1, how="a forged entry")
    return _careful(rng, image, place, touched)


def reorder(rng: Random, image: Image) -> Touched:
    low, high = sorted(rng.sample(range(len(image.items)), 2))
    item = image.items.pop(high if (forward := rng.random() < 0.5) else low)
    image.items.insert(low if forward else high, item)
    for place in range(low, high + 1):
        image.items[place].seq = image.first + place
    touched = Touched([(image.first + low, image.first + high + 1)], how="an entry moved")
    return _careful(rng, image, low, touched)


def replay(rng: Random, image: Image) -> Touched:
    count = rng.randint(1, 4)
    begin = _somewhere(rng, image, count)
    place = rng.randrange(begin + count, len(image.items) + 1)
    again = [Item(**vars(item)) for item in image.items[begin : begin + count]]
    if image.stored:  # in a database they need numbers
        for number, item in enumerate(again):
            item.seq = image.first + place + number
        for item in image.items[place:]:
            item.seq += count
    image.items[place:place] = again
    _shift(image, place - 1, count)
    first = image.first + begin
    touched = Touched([(first, first + count), (image.first + place, image.first + place + count)])
    touched.sizes = {_size(note) for _, note in image.notes if _size(note) >= image.first + place}
    touched.how = f"{count} entries again"
    return _careful(rng, image, place, touched)


def swap(rng: Random, image: Image) -> Touched:
    if len(image.notes) > 1 and rng.random() < 0.3:
        one, two = rng.sample(range(len(image.notes)), 2)
        (a, first), (b, second) = image.notes[one], image.notes[two]
        image.notes[one], image.notes[two] = (a, second), (b, first)
        return Touched(sizes={_size(first), _size(second)}, how="two checkpoints")
    one, two = sorted(rng.sample(range(len(image.items)), 2))
    a, b = image.items[one], image.items[two]
    a.content, b.content = b.content, a.content
    a.found, b.found = b.found, a.found
    touched = _point(image, one, two, how="two entries")
    return _careful(rng, image, one, touched)


def truncate(rng: Random, image: Image) -> Touched:
    last = image.notes[-1][1]
    ends = [(at, note) for at, note in image.notes[:-1] if note.consistency is None and at]
    if ends and rng.random() < 0.4:
        place, _ = rng.choice(ends)
        touched = _cut(image, place, keep_notes=False)
        touched.kept = [last.checkpoint]
        touched.how = "back to an older checkpoint"
        return touched
    if rng.random() < 0.25 and not image.stored:
        raw = image.export()
        place = rng.randrange(raw.index(b"\n") + 2, len(raw))
        image.raw = raw[:place]
        lines = image.raw.splitlines()
        whole = sum(line.startswith(b'{"seq"') for line in lines[1:])
        begin = image.first + max(0, whole - 1)
        signed = [_size(n) for _, n in image.notes if _size(n) <= begin]
        touched = Touched([(max(signed, default=image.first), 1 << 62)], {image.end})
        touched.lines, touched.how = {len(lines)}, "in the middle of a line"
        return touched
    inner = [n for n in range(1, len(image.items)) if n not in {at for at, _ in image.notes}]
    return _cut(image, rng.choice(inner), keep_notes=rng.random() < 0.5, end=rng.random() < 0.5)


def _cut(image: Image, place: int, *, keep_notes: bool, end: bool = True) -> Touched:
    size = image.first + place
    signed = max((_size(n) for at, n in image.notes if at <= place), default=image.first)
    sizes = {_size(n) for at, n in image.notes if at > place} | {size, image.end}
    del image.items[place:]
    image.notes = [(at, n) for at, n in image.notes if at <= place or keep_notes]
    if end:
        image.opening = msgspec.structs.replace(image.opening, end=size)
    return Touched([(signed, 1 << 62)], sizes, how="entries at the end")


def fork(rng: Random, image: Image) -> Touched:
    """Replace the log from some entry on; with the log's own keys, only a checkpoint stored elsewhere exposes it."""
    place = _somewhere(rng, image)
    touched = _from(image, place)
    notes = [n for at, n in image.notes if at > place and n.consistency is None]
    for item in image.items[place:]:
        if b"signing_key.changed" not in item.content:
            item.content = _forged_entry(rng, item)
    image.rechain(place)
    if not notes or rng.random() < 0.5:
        touched.how = "without the keys"
        return touched
    touched.kept = [rng.choice(notes).checkpoint]
    image.notes = [
        (at, n if at <= place or n.consistency else _own(image, n)) for at, n in image.notes
    ]
    touched.how = "signed with the log's own keys"
    return touched


def _own(image: Image, note: Signature) -> Signature:
    old = Checkpoint.parse(note.checkpoint)
    made = replace(image.checkpoint(old.size, old.previous), closing=old.closing)
    seed = image.seed_at(old.size)
    return Signature(checkpoint=Signer(image.opening.origin, seed).sign(made.text))


def strip(rng: Random, image: Image) -> Touched:
    notes = image.notes
    how = rng.choice(["all", "last", "one", "signature"])
    if how == "all":
        image.notes = []
        return Touched([(image.first, image.end)], {image.end, *map(_size, _only(notes))}, how=how)
    chosen = len(notes) - 1 if how == "last" else rng.randrange(len(notes))
    at, note = notes[chosen]
    before = max((n for n, _ in notes[:chosen]), default=0) + image.first
    touched = Touched([(before, _size(note) - 1)], {_size(note), image.end}, how=how)
    if how == "signature":
        text = note.checkpoint.partition("\n\n")[0] + "\n\n"
        notes[chosen] = (at, msgspec.structs.replace(note, checkpoint=text))
    else:
        del notes[chosen]
    return touched


def _only(notes: list[tuple[int, Signature]]) -> list[Signature]:
    return [note for _, note in notes]


def stale(rng: Random, image: Image) -> Touched:
    """Put an older checkpoint of this log in the place of a newer one, or one of an older state of it."""
    notes = image.notes
    if len(notes) > 1 and rng.random() < 0.6:
        older, newer = sorted(rng.sample(range(len(notes)), 2))
        at, was = notes[newer]
        notes[newer] = (at, notes[older][1])
        sizes = {_size(was), _size(notes[older][1])}
        return Touched(sizes=sizes, how="an older one again")
    chosen = rng.randrange(len(notes))
    at, was = notes[chosen]
    size = _size(was)
    other = {"root": image.root(image.first + max(1, at // 2)), "size": size}
    notes[chosen] = (at, _resigned(image, was, image.seed_at(size), **other))
    return Touched([(image.first, size - 1)], {size}, how="of an older root")


def forged(rng: Random, image: Image) -> Touched:
    chosen = rng.randrange(len(image.notes))
    at, was = image.notes[chosen]
    size = _size(was)
    text = was.checkpoint
    how = rng.choice(["stranger", "root", "size", "bit", "chain"])
    if how == "stranger":
        made = _resigned(image, was, STRANGER).checkpoint
    elif how == "size":
        made = text.replace(f"\n{size}\n", f"\n{size + rng.randint(1, 9)}\n", 1)
    elif how == "bit":
        head, _, tail = text.rpartition(" ")
        place = rng.randrange(8, len(tail) - 4)
        other = rng.choice([c for c in "ABCDabcd0123" if c != tail[place]])
        made = f"{head} {tail[:place]}{other}{tail[place + 1 :]}"
    else:
        lines = text.split("\n")
        number = 2 if how == "root" else 3
        wrong = image.root(image.first + max(1, at // 2)).hex()[:4]
        lines[number] = lines[number][:-6] + wrong + lines[number][-2:]
        made = "\n".join(lines)
    image.notes[chosen] = (at, msgspec.structs.replace(was, checkpoint=made))
    named = re.match(r"[^\n]*\n(\d+)\n", made)
    sizes = {size, *([int(named[1])] if named else [])}
    return Touched([(image.first, size - 1)] if how == "chain" else [], sizes, how=how)


def keys(rng: Random, image: Image) -> Touched:
    """Use a key that is not the log's at that size, or a change of the key without proof."""
    if image.opening.keys and rng.random() < 0.5:
        number = rng.randrange(len(image.opening.keys))
        proof = image.opening.keys[number]
        other = _falsified(rng, image, proof)
        changed = [*image.opening.keys]
        changed[number] = other
        image.opening = msgspec.structs.replace(image.opening, keys=changed)
        return Touched([(proof.seq, proof.seq), (other.seq, other.seq)], how="a proof of a key")
    signed = [n for n, (_, note) in enumerate(image.notes) if note.consistency is None]
    chosen = rng.choice(signed or [0])
    at, was = image.notes[chosen]
    mine = image.seed_at(_size(was))
    others = [seed for seed in image.seeds.values() if seed != mine]
    made = _resigned(image, was, rng.choice(others))
    image.notes[chosen] = (at, made)
    return Touched(sizes={_size(was)}, how="a key of another time")


def _falsified(rng: Random, image: Image, proof: KeyProof) -> KeyProof:
    how = rng.choice(["entry", "path", "checkpoint", "seq"])
    if how == "seq":
        return msgspec.structs.replace(proof, seq=proof.seq + rng.choice([-1, 1]))
    if how == "path":
        path = [value[::-1] for value in proof.path]
        return msgspec.structs.replace(proof, path=path)
    if how == "entry":
        entry = _altered(rng, proof.entry.encode()).decode()
        return msgspec.structs.replace(proof, entry=entry)
    note = Signature(checkpoint=proof.checkpoint)
    made = _resigned(image, note, STRANGER)
    return msgspec.structs.replace(proof, checkpoint=made.checkpoint)


def _groups(image: Image, *, there: bool | None = None) -> list[tuple[Item, int]]:
    """Return the places of values: all, the complete ones, or those with erased records."""
    return [
        (item, place)
        for item in image.items
        for place, one in enumerate(item.groups)
        if there is None
        or (there and one.disclosure is not None)
        or (not there and one.erased != [])
    ]


def _of(item: Item, how: str) -> Touched:
    return Touched([(item.seq, item.seq)], how=how)


def _put(item: Item, place: int, **changes: object) -> None:
    item.groups[place] = msgspec.structs.replace(item.groups[place], **changes)


def _mutated(rng: Random, text: str) -> str:
    place = rng.randrange(len(text))
    other = rng.choice([c for c in "ABCDEFabcdef0123456789_-" if c != text[place]])
    return text[:place] + other + text[place + 1 :]


def value_edit(rng: Random, image: Image) -> Touched:
    """Change a character in a value, or in one of its records."""
    item, place = rng.choice(_groups(image, there=True))
    one = item.groups[place]
    left = [n for n, record in enumerate(one.records or ()) if record is not None]
    if left and rng.random() < 0.6:
        number = rng.choice(left)
        records = list(one.records or ())
        records[number] = _mutated(rng, records[number] or "")
        _put(item, place, records=records)
        return _stored(image, item, place, "a record")
    _put(item, place, disclosure=_mutated(rng, one.disclosure or ""))
    return _stored(image, item, place, "a value")


def value_delete(rng: Random, image: Image) -> Touched:
    """Delete a value or a record, sometimes marked as erased by a real purge or by an invented one."""
    item, place = rng.choice(_groups(image, there=True))
    one = item.groups[place]
    left = [n for n, record in enumerate(one.records or ()) if record is not None]
    number = rng.choice(left) if left and rng.random() < 0.5 else None
    before = {part.purged_event_id for part in one.erased}
    marks = _marks(rng, {*image.answers} - before, None if number is None else [number])
    erased = sorted([*one.erased, *marks], key=lambda part: part.purged_event_id)
    if number is None:
        if not marks and not one.erased and not image.stored and rng.random() < 0.5:
            del item.groups[place]
            return _of(item, "a value is gone")
        _put(item, place, disclosure=None, records=None, erased=erased)
    else:
        records = list(one.records or ())
        records[number] = None
        _put(item, place, records=records, erased=erased)
    return _stored(image, item, place, f"a value is gone, called erased: {bool(marks)}")


def _marks(rng: Random, purges: set[str], places: list[int] | None) -> list[ErasedPart]:
    """Return the mark of an erasure by a purge of this log, or by an invented one; or an empty one."""
    known = sorted(purges)
    how = rng.choice(["nothing", "purge", "nobody"])
    if how == "nothing" or (how == "purge" and not known):
        return []
    nobody = f"{rng.getrandbits(32):08x}-0000-4000-8000-{rng.getrandbits(48):012x}"
    purged = rng.choice(known) if how == "purge" else nobody
    return [ErasedPart(purged_event_id=purged, places=places)]


def value_insert(rng: Random, image: Image) -> Touched:
    """Insert a value where none belongs: of another name, of an entry without values, or of an erased one."""
    erased = _groups(image, there=False)
    like_item, like_place = rng.choice(_groups(image, there=True))
    like = like_item.groups[like_place]
    if erased and rng.random() < 0.5:
        item, place = rng.choice(erased)
        one = item.groups[place]
        gone = [n for n, record in enumerate(one.records or ()) if record is None]
        if one.disclosure is None:
            _put(item, place, disclosure=like.disclosure, records=like.records)
        else:
            records = list(one.records or ())
            records[rng.choice(gone)] = like.disclosure
            _put(item, place, records=records)
        return _stored(image, item, place, "where one was erased")
    if rng.random() < 0.5 and not image.stored:
        item, place = rng.choice(_groups(image))
        item.groups.insert(place, item.groups[place])
        return Touched([(item.seq, item.seq + 1)], how="a value twice")
    item = rng.choice(image.items)
    name = rng.choice(["unknown", "sighting", "details", "records", "records/2026-05-30"])
    while any(one.name == name for one in item.groups):
        name += "0"
    item.groups.append(msgspec.structs.replace(like, of=item.seq, name=name, erased=[]))
    item.groups.sort(key=lambda one: one.name)
    place = next(n for n, one in enumerate(item.groups) if one.name == name)
    return _stored(image, item, place, "a value more")


def value_swap(rng: Random, image: Image) -> Touched:
    """Swap two values, or two records of one."""
    several = [
        (item, place)
        for item, place in _groups(image, there=True)
        if len({*(item.groups[place].records or ())}) > 1
    ]
    if several and rng.random() < 0.4:
        item, place = rng.choice(several)
        _put(item, place, records=list(item.groups[place].records or ())[::-1])
        return _stored(image, item, place, "the records of a value")
    (one, first), (other, second) = rng.sample(_groups(image, there=True), 2)
    a, b = one.groups[first], other.groups[second]
    _put(one, first, disclosure=b.disclosure, records=b.records)
    _put(other, second, disclosure=a.disclosure, records=a.records)
    touched = _stored(image, one, first, "two values")
    touched.entries += _stored(image, other, second, "").entries
    return touched


def _stored(image: Image, item: Item, place: int, how: str) -> Touched:
    """Return the changed places; in a database, note how to change the values beside the log."""
    if image.stored:
        image.statements += statements_of(item.groups[place])
    return _of(item, how)


def statements_of(one: Disclosed) -> list[str]:
    """Return the statements that turn a group's rows into those of `one`, as the tables' owner would write them."""
    where = f"seq = {one.of} AND name = '{one.name}'"
    made = [f"DELETE FROM erased WHERE {where}"]
    made += [
        f"INSERT INTO erased VALUES ('{part.purged_event_id}', {one.of}, '{one.name}',"
        f" {_array(part.places, 'integer')})"
        for part in one.erased
    ]
    if one.disclosure is None:
        return [*made, f"DELETE FROM sealed_values WHERE {where}"]
    values = f"'{one.disclosure}', {_array(one.records, 'text')}"
    return [
        *made,
        f"UPDATE sealed_values SET (disclosure, records) = ({values}) WHERE {where}",
        "INSERT INTO sealed_values"
        f" SELECT {one.of}, '{one.name}', DATE '2026-05-30', {one.name != 'records'}, {values}, '{{}}'"
        f" WHERE NOT EXISTS (SELECT FROM sealed_values WHERE {where})",
    ]


def _array(items: Sequence[object] | None, kind: str) -> str:
    if items is None:
        return "NULL"
    shown = ", ".join("NULL" if one is None else f"'{one}'" for one in items)
    return f"CAST(ARRAY[{shown}] AS {kind}[])"


OF_VALUES = frozenset({"value_edit", "value_delete", "value_insert", "value_swap"})
"""Kinds that need a log with its values."""

KINDS: dict[str, Callable[[Random, Image], Touched]] = {
    kind.__name__: kind
    for kind in (
        edit,
        delete,
        insert,
        reorder,
        truncate,
        fork,
        replay,
        swap,
        strip,
        stale,
        forged,
        keys,
        value_edit,
        value_delete,
        value_insert,
        value_swap,
    )
}
