/** The doctor's checks of the function, over HTTP: that it answers, is Signalbox, has the right time and the same secret. */
import { createClient } from "../client/client.ts";
import { SignalboxApiError } from "../client/error.ts";
import { importSigningKeys, type SigningKey } from "../protocol/signing/keys.ts";
import { sign, toleranceSeconds } from "../protocol/signing/webhook.ts";
import { newJobId } from "../protocol/wire/names.ts";
import { type Finding, ok, skipped, warning, wrong } from "./finding.ts";

type Environment = Readonly<Record<string, string | undefined>>;

const answerMs = 10_000;
/** A clock that is further off than this, in seconds, gets a warning before its signatures are refused. */
const doubtfulSeconds = 30;

/** Never throws: a failure is a finding. */
export async function checkFunction(env: Environment): Promise<readonly Finding[]> {
  const url = env["SIGNALBOX_URL"]?.replace(/\/+$/, "") ?? "";
  if (url === "") {
    const fix = "set SIGNALBOX_URL to the address of the function, such as http://127.0.0.1:8787";
    return [wrong("function", "SIGNALBOX_URL is not set", fix)];
  }
  const place = URL.parse(url);
  if (place === null || !/^https?:$/.test(place.protocol)) {
    const fix = "set it to a URL that begins with http:// or https://";
    return [wrong("function", "SIGNALBOX_URL is not a URL", fix)];
  }
  const health = await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(answerMs) }).catch(
    () => null,
  );
  if (health === null) {
    const fix = "start or deploy the function, or correct SIGNALBOX_URL";
    return [wrong("function", "nothing answers at SIGNALBOX_URL", fix)];
  }
  return [
    await judgeHealth(health),
    ...judgeTransport(place),
    judgeClock(health),
    ...(await checkToken(url, env["SIGNALBOX_TOKEN"])),
    await checkSignature(url, env["SIGNALBOX_SIGNING_SECRET"]),
  ];
}

async function judgeHealth(response: Response): Promise<Finding> {
  const text = await response.text();
  if (response.ok && text.includes('"status"'))
    return ok("function", "it answers and reaches Redis");
  if (text.includes("config_invalid")) {
    const fix = "its log names every variable at fault; correct them and deploy again";
    return wrong("function", "its configuration is not valid", fix);
  }
  if (response.status === 503) {
    const fix = "check UPSTASH_REDIS_REST_URL and UPSTASH_REDIS_REST_TOKEN of the function";
    return wrong("function", "it does not reach Redis", fix);
  }
  const fix = "correct SIGNALBOX_URL; include the path where Signalbox is mounted, if any";
  return wrong("function", `something else answers there, with status ${response.status}`, fix);
}

function judgeTransport({ protocol, hostname }: URL): readonly Finding[] {
  const isLocal = ["127.0.0.1", "localhost", "[::1]"].includes(hostname);
  if (protocol === "https:" || isLocal) return [];
  const fix = "use https://";
  return [warning("transport", "the token crosses the network unencrypted", fix)];
}

function judgeClock(response: Response): Finding {
  const theirs = Date.parse(response.headers.get("date") ?? "");
  if (Number.isNaN(theirs)) {
    return skipped("clock", "the function does not send its time", "compare the clocks by hand");
  }
  const offSeconds = Math.abs(Math.round((Date.now() - theirs) / 1_000));
  const detail = `${offSeconds} s apart from the clock of the function`;
  const fix = "set this machine's clock by NTP";
  if (offSeconds > toleranceSeconds)
    return wrong("clock", `${detail}: signatures are refused beyond ${toleranceSeconds} s`, fix);
  return offSeconds > doubtfulSeconds ? warning("clock", detail, fix) : ok("clock", detail);
}

async function checkToken(url: string, token = ""): Promise<readonly Finding[]> {
  if (token === "") {
    const fix = "set SIGNALBOX_TOKEN to the token of the function";
    return [wrong("token", "SIGNALBOX_TOKEN is not set", fix)];
  }
  try {
    const client = createClient({ url, token, timeoutMs: answerMs, tries: 1 });
    const nodes = await client.nodes.list();
    const live = nodes.filter(({ connected }) => connected).map(({ name }) => name);
    const nodesFinding =
      live.length > 0
        ? ok("nodes", `connected: ${live.join(", ")}`)
        : warning(
            "nodes",
            "no node is connected, so jobs wait",
            "start a subscriber with the same REDIS_URL and prefixes: signalbox subscribe",
          );
    return [ok("token", "accepted"), nodesFinding];
  } catch (error) {
    if (error instanceof SignalboxApiError && error.code === "forbidden")
      return [ok("token", "accepted; it may not list nodes")];
    const isRefused = error instanceof SignalboxApiError && error.status === 401;
    if (isRefused) {
      const fix = "set SIGNALBOX_TOKEN to the token of the function";
      return [wrong("token", "the function refuses it", fix)];
    }
    const problem = error instanceof SignalboxApiError ? error.detail : "it is not a valid token";
    return [wrong("token", problem, "see the finding about the function, or correct the token")];
  }
}

/**
 * Checks that the function knows each key of this machine, by an empty delivery, which changes nothing: the answer to
 * a signature it knows is that the delivery is empty, to any other that the signature is invalid.
 */
async function checkSignature(url: string, secrets = ""): Promise<Finding> {
  const check = "signature";
  if (secrets === "") {
    const fix = "set SIGNALBOX_SIGNING_SECRET to the value that subscribers have";
    return skipped(check, "SIGNALBOX_SIGNING_SECRET is not set", fix);
  }
  try {
    const keys = await importSigningKeys(secrets);
    const known = await Promise.all(keys.map((key) => isKnown(url, key)));
    const unknown = keys.filter((_, at) => known[at] === false).map(({ id }) => id);
    const [{ id: current }] = keys;
    if (unknown.includes(current)) {
      const fix =
        "add this secret to the function, or give this subscriber one that the function has";
      return wrong(check, `the function does not accept signatures of key ${current}`, fix);
    }
    if (unknown.length > 0) {
      const detail = `the function knows the signing key ${current}, but not ${unknown.join(", ")}`;
      return warning(check, detail, "give the function the next key before it signs anything");
    }
    return ok(check, `the function knows key ${keys.map(({ id }) => id).join(", ")}`);
  } catch {
    const fix = "make one with: signalbox keys new";
    return wrong(
      check,
      "SIGNALBOX_SIGNING_SECRET is not a valid secret, or the function did not answer",
      fix,
    );
  }
}

async function isKnown(url: string, key: SigningKey): Promise<boolean> {
  const body = '{"deliveries":[]}';
  const headers = await sign([key], { id: `doctor_${newJobId()}`, body, nowMs: Date.now() });
  const response = await fetch(`${url}/v1/results`, {
    method: "POST",
    body,
    headers: { ...headers, "content-type": "application/json" },
    signal: AbortSignal.timeout(answerMs),
  });
  const { code } = (await response.json()) as { readonly code?: string };
  return code === "invalid_request";
}
