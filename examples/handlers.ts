/** The demonstration's handlers, one per entry of the catalogue; `SIGNALBOX_HANDLERS` names this file. */
import type { Handlers } from "../protocol/wire/catalog.ts";
import type { catalog } from "./catalog.ts";
import { parseFetchHosts } from "./fetch-hosts.ts";
import { hostMetrics } from "./host-metrics.ts";
import { createPageFetch } from "./page-fetch.ts";

export { catalog } from "./catalog.ts";

export const handlers = {
  echo: (payload) => payload,
  "host.metrics": hostMetrics,
  "page.fetch": createPageFetch({
    hosts: parseFetchHosts(process.env["SIGNALBOX_FETCH_HOSTS"] ?? ""),
  }),
} satisfies Handlers<typeof catalog>;
