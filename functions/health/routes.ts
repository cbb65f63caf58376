/** `GET /healthz`: whether Redis answers. Open to everyone, so it tells no more than that. */
import type { Handler } from "hono";
import type { AppDeps } from "../deps.ts";
import { problemOf } from "../http/problem.ts";

export function health({ ping }: Pick<AppDeps, "ping">): Handler {
  return async (c) => {
    try {
      await ping();
      return c.json({ status: "ok" });
    } catch (error) {
      const { code, detail } = problemOf(error);
      return c.json({ status: "unavailable", code, detail }, 503, { "retry-after": "2" });
    }
  };
}
