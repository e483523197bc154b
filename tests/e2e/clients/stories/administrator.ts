import { createHmac } from "node:crypto";
import { answer, as, given, refusal } from "./given";
import { AccountsApi, Configuration, EnrolmentApi, MeApi, SessionsApi } from "./identity";

const identity = (token?: string) => new Configuration(as("identity", token));

// The one-time code of a second factor (RFC 6238): 6 digits, SHA-1, steps of 30 s.
function oneTimeCode(secret: string, aheadSteps = 0): string {
  const bits = [...secret].map((letter) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(letter).toString(2).padStart(5, "0"));
  const key = Buffer.from((bits.join("").match(/.{8}/g) ?? []).map((octet) => parseInt(octet, 2)));
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + aheadSteps));
  const digest = createHmac("sha1", key).update(step).digest();
  const number = digest.readUInt32BE(digest[19] & 15) & 0x7fffffff;
  return String(number % 1_000_000).padStart(6, "0");
}

answer(async () => {
  const accounts = new AccountsApi(identity(given.administrator));
  const enrolment = new EnrolmentApi(identity());
  const invited = await accounts.createAccount({
    accountIn: {
      username: given.username,
      name: "Noa Quill",
      title: "Police Officer",
      agencyOri: given.ori,
      roles: ["officer"],
      sources: ["department"],
    },
  });
  const accountId = invited.account.accountId;
  const byInviter = await refusal(accounts.deliverInvitation({ accountId }));
  const delivered = await new AccountsApi(identity(given.deliverer)).deliverInvitation({ accountId });
  const invitationToken = delivered.invitationToken!;
  const password = "a wheel within a wheel 26";
  const factor = await enrolment.beginEnrolment({ enrolmentIn: { invitationToken, password } });
  const totp = oneTimeCode(factor.totpSecret);
  const enrolled = await enrolment.confirmEnrolment({ confirmationIn: { invitationToken, totp } });
  const session = await new SessionsApi(identity()).openSession({
    sessionIn: { username: given.username, password, totp: oneTimeCode(factor.totpSecret, 1) },
  });
  const officer = new MeApi(identity(session.accessToken));
  const me = await officer.getMe();
  const locked = await accounts.lockAccount({ accountId, reasonIn: { reason: "On leave until next month" } });
  return {
    invited: invited.state,
    delivered_by_inviter: byInviter,
    enrolled: enrolled.status,
    me: [me.username, me.roles],
    locked: locked.status,
    when_locked: await refusal(officer.getMe()),
  };
});
