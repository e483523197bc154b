import { writeFileSync } from "node:fs";
import { answer, as, given, refusal, until } from "./given";
import { Configuration as OfIdentity, PurposesApi } from "./identity";
import { Configuration as OfRelease, DepartmentApi, RequesterApi } from "./release";
import { Configuration as OfRetention, KeysApi } from "./retention";

const requestIn = {
  purpose: "Where the stolen vehicle was seen, for the county's theft case",
  purposeKind: "stolen_or_wanted_vehicle",
  caseNumber: "TCS-26-0417",
  offenceType: "vehicle theft",
  criteria: { capturedFrom: new Date(given.window[0]), capturedTo: new Date(given.window[1]), plate: given.plate },
};

async function approve(requestId: string): Promise<void> {
  const purposeIn = {
    kind: "release",
    offenceType: "vehicle theft",
    caseNumber: "TCS-26-0417",
    justification: "Review of the county sheriff's written request for one plate",
  };
  const declared = await new PurposesApi(new OfIdentity(as("identity", given.reviewer))).declarePurpose({ purposeIn });
  await new DepartmentApi(new OfRelease(as("release", given.reviewer))).decideRequest({
    requestId,
    decisionIn: { decision: "approve", reason: "Theft case, one plate" },
    xAlprPurpose: declared.purposeToken,
  });
}

answer(async () => {
  const agency = new RequesterApi(new OfRelease(as("release", given.requester)));
  const prohibited = { requestIn: { ...requestIn, purposeKind: "immigration_enforcement" } };
  const filed = await agency.fileRequest({ requestIn });
  const requestId = filed.requestId;
  await approve(requestId);
  const packaged = await until(() => agency.getAgencyRequest({ requestId }), (now) => now.status === "packaged");
  const file = await agency.downloadPackage({ requestId });
  writeFileSync(given.package, Buffer.from(await file.arrayBuffer()));
  const key = await new KeysApi(new OfRetention(as("retention"))).getSigningKey();
  return {
    prohibited: await refusal(agency.fileRequest(prohibited)),
    filed: filed.status,
    reads: packaged._package?.reads,
    sha256: packaged._package?.sha256,
    public_pem: key.publicPem,
  };
});
