/** `GET /healthz`: whether Redis answers. Open to everyone, so it tells no more than that. */
import type { Handler } from "hono";
import type { Unwell, Well } from "../../protocol/api/health.ts";
import type { AppDeps, RoutesOf } from "../deps.ts";
import { problemOf } from "../http/problem.ts";
import type { healthOperations } from "./contract.ts";

export const healthRoutes: RoutesOf<typeof healthOperations> = { health };

/** Answers 200 where Redis answers, else 503 with the reason. */
function health({ ping }: Pick<AppDeps, "ping">): Handler {
  return async (c) => {
    try {
      await ping();
      return c.json({ status: "ok" } satisfies Well);
    } catch (error) {
      const { code, detail } = problemOf(error);
      const body: Unwell = { status: "unavailable", code, detail };
      return c.json(body, 503, { "retry-after": "2" });
    }
  };
}
