import { AuditsApi, Configuration as OfAudit, EntriesApi } from "./audit";
import { answer, as, given, refusal } from "./given";
import { Configuration as OfIdentity, PurposesApi } from "./identity";

async function auditPurpose(token: string): Promise<string> {
  const purposeIn = {
    kind: "audit",
    offenceType: "periodic audit",
    caseNumber: "AUD-2026-01",
    justification: "The monthly audit of accesses",
  };
  const declared = await new PurposesApi(new OfIdentity(as("identity", token))).declarePurpose({ purposeIn });
  return declared.purposeToken;
}

answer(async () => {
  const settings = new OfAudit(as("audit", given.auditor));
  const audits = new AuditsApi(settings);
  const entries = new EntriesApi(settings);
  const xAlprPurpose = await auditPurpose(given.auditor);
  const entryQuery = { kind: "access.attempted", outcome: "allowed", limit: 5 } as const;
  const found = await entries.searchEntries({ entryQuery, xAlprPurpose });
  const periods = await audits.listPeriods({ xAlprPurpose });
  const period = periods.items.find((one) => one.drawable && one.auditId == null);
  const drawn = await audits.drawAudit({ auditIn: { periodSeq: period!.seq }, xAlprPurpose });
  const auditId = drawn.auditId;
  let reviewed = drawn;
  for (const { number } of drawn.items) {
    reviewed = await audits.reviewItem({ auditId, number, reviewIn: { outcome: "proper" }, xAlprPurpose });
  }
  const signOffIn = { statement: "Every access had its purpose" };
  const byOnePerson = await refusal(audits.signOffAudit({ auditId, signOffIn, xAlprPurpose }));
  const signedOff = await new AuditsApi(new OfAudit(as("audit", given.second_auditor))).signOffAudit({
    auditId,
    signOffIn,
    xAlprPurpose: await auditPurpose(given.second_auditor),
  });
  return {
    without_purpose: await refusal(entries.searchEntries({ entryQuery })),
    entries: found.items.map((one) => [one.kind, one.allowed]),
    sample: drawn.items.length,
    reviewed: reviewed.reviewed,
    by_one_person: byOnePerson,
    signed_off_by: signedOff.signedOffBy?.name,
  };
});
