import { answer, as, given, refusal, until } from "./given";
import { Configuration, KeysApi, PurgesApi } from "./retention";

const purges = (token: string) => new PurgesApi(new Configuration(as("retention", token)));

answer(async () => {
  const [proposer, second, third] = [given.custodian, given.administrator, given.lieutenant].map(purges);
  const proposalIn = { kind: "single", reason: "Records past the schedule, as every month" } as const;
  const run = await proposer.proposePurgeRun({ proposalIn });
  const runId = run.runId;
  const noteIn = { note: "Compared with the adopted schedule" };
  const byProposer = await refusal(proposer.authorisePurgeRun({ runId, noteIn }));
  const authorised = await second.authorisePurgeRun({ runId, noteIn });
  const byAuthoriser = await refusal(second.executePurgeRun({ runId }));
  const executing = await third.executePurgeRun({ runId });
  const certified = await until(() => proposer.getPurgeRun({ runId }), (now) => now.state === "certified");
  const certificate = await proposer.getPurgeCertificate({ runId });
  const key = await new KeysApi(new Configuration(as("retention"))).getSigningKey();
  return {
    run_id: runId,
    states: [run.state, authorised.state, executing.state, certified.state],
    authorised_by_proposer: byProposer,
    executed_by_authoriser: byAuthoriser,
    reads: certified.reads,
    certificate: { run_id: certificate.runId, key_id: certificate.signature.keyId },
    key_id: key.keyId,
  };
});
