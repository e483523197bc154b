"""A camera maker's story with each generated client: register a device, post a frame and reads, see the device."""

import importlib
import io
import json
import subprocess
from datetime import UTC, datetime
from uuid import UUID

import pytest

from local.demo.client import Api
from local.demo.department import seed
from tests.e2e.frames import frame, plates

pytestmark = pytest.mark.clients

PLACE = {"latitude": 39.9277, "longitude": -122.1792}


@pytest.fixture(scope="module")
async def token(stack, stack_folder):
    """The access token of the administrator of a sample department."""
    async with Api(stack.urls) as api:
        department = await seed(api, stack_folder)
        headers = await department.administrator.headers()
    return headers["Authorization"].removeprefix("Bearer ")


def reads():
    return [{"plate": "6TRJ244", "confidence": 0.97, "captured_at": datetime.now(UTC).isoformat()}]


def test_with_openapi_python_client(small, stack, token):
    made = importlib.import_module("small_ingest")
    models = importlib.import_module("small_ingest.models")
    types = importlib.import_module("small_ingest.types")

    def call(operation, client, **arguments):
        module = importlib.import_module(f"small_ingest.api.{operation}")
        return module.sync(client=client, **arguments)

    url = stack.urls["ingest"]
    registered = models.DeviceIn.from_dict({"name": "Small", "kind": "fixed", "place": PLACE})
    with made.AuthenticatedClient(base_url=url, token=token) as person:
        issued = call("devices.register_device", person, body=registered)
        with made.AuthenticatedClient(base_url=url, token=issued.credential) as camera:
            body = types.File(payload=io.BytesIO(frame(plates(1)[0])))
            capture = call("cameras.post_capture", camera, body=body, captured_at=datetime.now(UTC))
            batch = [models.EdgeReadIn.from_dict(read) for read in reads()]
            receipt = call("cameras.post_reads", camera, body=batch)
        seen = call("devices.get_device", person, device_id=issued.device.device_id)
        with made.AuthenticatedClient(base_url=url, token="wrong") as stranger:
            refused = call("cameras.post_reads", stranger, body=batch)
    assert isinstance(capture.capture_id, UUID)
    assert (receipt.accepted, seen.name) == (1, "Small")
    assert (refused.status, refused.code.value) == (401, "device_credential_malformed")


def test_with_openapi_generator_in_python(big, stack, token):
    made = importlib.import_module("big_ingest")

    def client(credential):
        return made.ApiClient(
            made.Configuration(host=stack.urls["ingest"], access_token=credential)
        )

    devices = made.DevicesApi(client(token))
    registered = {"name": "Big", "kind": "fixed", "place": PLACE}
    issued = devices.register_device(made.DeviceIn.from_dict(registered))
    cameras = made.CamerasApi(client(issued.credential))
    capture = cameras.post_capture(frame(plates(2)[1]), captured_at=datetime.now(UTC))
    batch = [made.EdgeReadIn.from_dict(read) for read in reads()]
    receipt = cameras.post_reads(batch)
    assert isinstance(capture.capture_id, UUID)
    assert receipt.accepted == 1
    assert devices.get_device(issued.device.device_id).name == "Big"
    with pytest.raises(made.exceptions.UnauthorizedException) as refused:
        made.CamerasApi(client("wrong")).post_reads(batch)
    assert refused.value.data.code == "device_credential_malformed"


def test_with_openapi_generator_in_typescript(typescript, stack, token, tmp_path):
    picture = tmp_path / "frame.jpg"
    picture.write_bytes(frame(plates(3)[2]))
    asked = {"url": stack.urls["ingest"], "token": token, "picture": str(picture)}
    done = subprocess.run(
        ["node", typescript / "js" / "camera_maker.js"],
        input=json.dumps(asked), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert UUID(said["capture"])
    assert (said["accepted"], said["name"]) == (1, "TypeScript")
    assert said["refused"] == {"status": 401, "code": "device_credential_malformed"}
