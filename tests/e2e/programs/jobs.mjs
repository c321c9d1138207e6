// The loop of a client's program: a line of JSON says what to do, a line of JSON answers.
import { createInterface } from "node:readline";

function told(error) {
  const kinds = [];
  for (let kind = error?.constructor; kind?.name; kind = Object.getPrototypeOf(kind)) kinds.push(kind.name);
  const body = error.error && typeof error.error === "object" ? error.error : null;
  return {
    kinds,
    status: error.status ?? null,
    body,
    message: String(error.message),
    request_id: error.requestID ?? null,
    trace: String(error.stack ?? error),
  };
}

export async function serve(verbs) {
  for await (const line of createInterface({ input: process.stdin })) {
    const { do: verb, ...job } = JSON.parse(line);
    let answer;
    try {
      answer = { ok: (await verbs[verb](job)) ?? null };
    } catch (error) {
      answer = { error: told(error) };
    }
    process.stdout.write(JSON.stringify(answer) + "\n");
  }
}
