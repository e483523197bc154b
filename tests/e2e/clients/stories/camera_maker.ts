// A camera maker's story: register a device, post a frame and reads, see the device, be refused without a credential.
import { readFileSync } from "node:fs";
import { CamerasApi, Configuration, DevicesApi, ResponseError } from "./ingest";

async function main(): Promise<void> {
  const { url, token, picture } = JSON.parse(readFileSync(0, "utf8"));
  const as = (accessToken: string) => new Configuration({ basePath: url, accessToken });
  const devices = new DevicesApi(as(token));
  const place = { latitude: 39.9277, longitude: -122.1792 };
  const issued = await devices.registerDevice({ deviceIn: { name: "TypeScript", kind: "fixed", place } });
  const cameras = new CamerasApi(as(issued.credential));
  const capture = await cameras.postCapture({ body: new Blob([readFileSync(picture)]), capturedAt: new Date() });
  const edgeReadIn = [{ plate: "6TRJ244", confidence: 0.97, capturedAt: new Date() }];
  const receipt = await cameras.postReads({ edgeReadIn });
  const seen = await devices.getDevice({ deviceId: issued.device.deviceId });
  let refused: unknown = null;
  try {
    await new CamerasApi(as("wrong")).postReads({ edgeReadIn });
  } catch (fault) {
    if (!(fault instanceof ResponseError)) throw fault;
    const { status, code } = await fault.response.json();
    refused = { status, code };
  }
  console.log(JSON.stringify({ capture: capture.captureId, accepted: receipt.accepted, name: seen.name, refused }));
}

main().catch((fault) => {
  console.error(fault);
  process.exit(1);
});
