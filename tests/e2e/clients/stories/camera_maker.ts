import { readFileSync } from "node:fs";
import { answer, as, given, refusal } from "./given";
import { CamerasApi, Configuration, DevicesApi } from "./ingest";

const api = (credential: string) => new Configuration(as("ingest", credential));

answer(async () => {
  const devices = new DevicesApi(api(given.administrator));
  const place = { latitude: 39.9277, longitude: -122.1792 };
  const issued = await devices.registerDevice({ deviceIn: { name: given.name, kind: "fixed", place } });
  const cameras = new CamerasApi(api(issued.credential));
  const body = new Blob([readFileSync(given.picture)]);
  const capture = await cameras.postCapture({ body, capturedAt: new Date() });
  const edgeReadIn = [{ plate: "6TRJ244", confidence: 0.97, capturedAt: new Date() }];
  const receipt = await cameras.postReads({ edgeReadIn });
  const seen = await devices.getDevice({ deviceId: issued.device.deviceId });
  return {
    capture_id: capture.captureId,
    accepted: receipt.accepted,
    name: seen.name,
    without_credential: await refusal(new CamerasApi(api("wrong")).postReads({ edgeReadIn })),
  };
});
