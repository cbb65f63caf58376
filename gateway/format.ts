/** Reads the reply format from the two headers that Upstash defines for it. */
import type { IncomingHttpHeaders } from "node:http";
import { Refusal } from "./refusal.ts";

export type Format = "text" | "base64" | "resp2";

export function formatOf(headers: IncomingHttpHeaders): Format {
  const format = headers["upstash-response-format"] ?? "json";
  const encoding = headers["upstash-encoding"] ?? "";
  if (format !== "json" && format !== "resp2") {
    throw new Refusal(400, "ERR Upstash-Response-Format must be json or resp2");
  }
  if (encoding !== "" && encoding !== "base64") {
    throw new Refusal(400, "ERR Upstash-Encoding must be base64");
  }
  if (format === "json") return encoding === "" ? "text" : "base64";
  if (encoding === "") return "resp2";
  throw new Refusal(400, "ERR Upstash-Encoding base64 is not permitted with resp2");
}
