from local.demo.events import ServerEvent, server_events


async def parsed(text):
    async def lines():
        for line in text.split("\n"):
            yield line

    return [event async for event in server_events(lines())]


async def test_events_come_with_name_data_and_id():
    events = await parsed('id: 7\nevent: hit\ndata: {"a":\ndata: 1}\n\nid: 8\ndata: x\n\n')
    assert events == [ServerEvent("hit", '{"a":\n1}', "7"), ServerEvent("message", "x", "8")]


async def test_comments_and_events_without_data_are_passed_over():
    assert await parsed(": keep-alive\n\nevent: nothing\n\nretry: 100\n\n") == []


async def test_an_event_cut_off_by_the_end_is_not_delivered():
    assert await parsed("data: whole\n\ndata: half") == [ServerEvent("message", "whole", "")]


async def test_the_last_id_applies_until_the_next_and_only_one_space_is_dropped():
    events = await parsed("id:1\ndata:  a\n\ndata:b\n\n")
    assert [(e.data, e.event_id) for e in events] == [(" a", "1"), ("b", "1")]
