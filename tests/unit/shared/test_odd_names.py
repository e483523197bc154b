"""Fetches of batches whose headers have names that are no UTF-8."""

from time import process_time

import pytest
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from shared.kafka.odd_names import ForgivingRecords

MANY = 8000


def a_batch(value, name=b"ab\xff\xfe"):
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, -1, 1000)
    builder.append(0, 0, b"key", value, [("abcd", b"x")])
    return bytes(builder.build()).replace(b"abcd", name)


def batches_of(fetched):
    records = ForgivingRecords(fetched)
    while (batch := records.next_batch()) is not None:
        yield batch


def test_thousands_of_odd_batches_in_a_fetch_are_read_at_once():
    """A consumer does nothing else meanwhile, and Kafka takes its partitions after ten seconds."""
    odd = b"".join(a_batch(b"%d" % number) for number in range(MANY))
    began_s = process_time()
    values = [record.value for batch in batches_of(odd) for record in batch]
    assert process_time() - began_s < 3
    assert values == [b"%d" % number for number in range(MANY)]


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 0, 1), (2, 2)], ids=str)
def test_odd_batches_are_found_in_any_order_beside_others(order):
    fetched = a_batch(b"0") + a_batch(b"1", b"even") + a_batch(b"2") + a_batch(b"3")
    found = list(batches_of(fetched))
    for number in order:
        [record] = found[number]
        assert record.value == b"%d" % number
        assert record.headers == [("even" if number == 1 else "ab\ufffd\ufffd", b"x")]
