// What every story needs: the values given to it, a service's settings for one caller, refusals, waiting.
import { readFileSync } from "node:fs";

export const given = JSON.parse(readFileSync(0, "utf8"));

export function as(service: string, accessToken?: string): { basePath: string; accessToken?: string } {
  return { basePath: given.urls[service], accessToken };
}

export async function refusal(call: Promise<unknown>): Promise<{ status: number; code: string }> {
  try {
    await call;
  } catch (fault) {
    const { response } = fault as { response?: Response };
    if (response === undefined) throw fault;
    const { status, code } = await response.json();
    return { status, code };
  }
  throw new Error("the call was not refused");
}

export async function until<T>(ask: () => Promise<T>, isDone: (answer: T) => boolean, withinS = 120): Promise<T> {
  for (const deadline = Date.now() + withinS * 1000; Date.now() < deadline; ) {
    const answer = await ask();
    if (isDone(answer)) return answer;
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  throw new Error(`not so within ${withinS} s`);
}

export async function answer(story: () => Promise<object>): Promise<void> {
  console.log(JSON.stringify(await story()));
}
