"""A list of the state with a feed, as tests deliver to it."""

from datetime import timedelta
from hashlib import sha256

from services.hotlist.actions import deliveries

HEADER = "plate,state,record_kind\n"
ISSUER = {"account_id": "00000000-0000-4000-8000-0000000000aa", "name": "A. Issuer"}

LAYOUT = {
    "delimiter": "pipe",
    "header": False,
    "columns": [
        {"field": "plate", "number": 1},
        {"field": "state", "number": 2},
        {"field": "record_kind", "number": 3},
    ],
    "kinds": [{"code": "SV", "record_kind": "stolen_vehicle", "on": True}],
}


def rows(*plates):
    return HEADER + "".join(f"{plate},CA,stolen_vehicle\n" for plate in plates)


def plates(count):
    return [f"7ABC{number:03}" for number in range(100, 100 + count)]


class Source:
    """A list of the state with a feed."""

    def __init__(self, hotlist, list_id):
        self.hotlist = hotlist
        self.list_id = list_id
        self.feed = {}
        self.credential = ""

    async def issue(self, *, status=201, within=timedelta(days=90), **claims):
        body = {"name": "SVS", "expires_at": (self.hotlist.clock.now() + within).isoformat()}
        headers = self.hotlist.headers(**(claims or ISSUER))
        path = f"/v1/lists/{self.list_id}/feeds"
        answer = await self.hotlist.call("POST", path, json=body, headers=headers, status=status)
        if status == 201:
            self.feed, self.credential = answer["feed"], answer["credential"]
        return answer

    async def deliver(self, text, *, status=200, ago=timedelta(), credential=None, **changes):
        data = text.encode()
        query = {
            "as_of": (self.hotlist.clock.now() - ago).isoformat(),
            "sha256": sha256(data).hexdigest(),
            **changes,
        }
        response = await self.hotlist.client.post(
            deliveries.PATH,
            params=query,
            content=data,
            headers={
                "Authorization": f"Bearer {credential or self.credential}",
                "Content-Type": "text/csv",
            },
        )
        assert response.status_code == status, response.text
        return response.json()

    async def in_force(self):
        return await self.hotlist.call("GET", f"/v1/lists/{self.list_id}")

    async def path(self, method, rest, *, status=200, **body):
        return await self.hotlist.call(
            method, f"/v1/lists/{self.list_id}/{rest}".rstrip("/"), status=status, **body
        )
