/**
 * The schedules that are deployed with the function: yours to fill. After each deployment the tick puts the list in force:
 * it plans what is new or changed, deletes what is gone from the list, and leaves schedules alone that were made over HTTP.
 *
 *     export const schedules = declare<typeof catalog>([
 *       { id: "metrics", cron: "*\/5 * * * *", timeZone: "Europe/Berlin", name: "host.metrics", payload: {} },
 *       { id: "nightly", cron: "0 30 2 * * *", name: "report", missed: "all", overlap: "queue" },
 *     ]);
 */
import { declare } from "./schedules/declare.ts";

export const schedules = declare([]);
