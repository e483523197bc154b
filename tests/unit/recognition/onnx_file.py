"""A small ONNX file, written field by field, since the package that writes them is for training only.

Numbers are those of onnx.proto3 (Apache-2.0): field numbers, types of elements and of attributes.
"""

FLOAT, UINT8 = 1, 2
INT = 2


def _number(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _field(number, value):
    """Encode a field of a message: a number, a text, or a message already written."""
    if isinstance(value, int):
        return _number(number << 3) + _number(value)
    data = value.encode() if isinstance(value, str) else value
    return _number(number << 3 | 2) + _number(len(data)) + data


def _tensor(name, element):
    dimensions = b"".join(_field(1, _field(2, f"{name}{i}")) for i in range(4))
    kind = _field(1, _field(1, element) + _field(2, dimensions))
    return _field(1, name) + _field(2, kind)


def casting(given, outputs, about):
    """Return a network that gives its input (N, H, W, C) uint8 as float32, under each of several names."""
    to_float = _field(1, "to") + _field(3, FLOAT) + _field(20, INT)
    nodes = b"".join(
        _field(1, _field(1, given) + _field(2, name) + _field(4, "Cast") + _field(5, to_float))
        for name in outputs
    )
    graph = nodes + _field(2, "casting") + _field(11, _tensor(given, UINT8))
    graph += b"".join(_field(12, _tensor(name, FLOAT)) for name in outputs)
    model = _field(1, 8) + _field(7, graph) + _field(8, _field(1, "") + _field(2, 17))
    return model + b"".join(
        _field(14, _field(1, key) + _field(2, value)) for key, value in about.items()
    )
