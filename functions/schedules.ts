/**
 * The schedules that are deployed with the function: yours to fill. The tick puts the list in force after each
 * deployment: what is new or changed is planned anew, what is gone from it is deleted; schedules made over HTTP
 * are left alone.
 *
 *     export const schedules = declare<typeof catalog>([
 *       { id: "metrics", cron: "*\/5 * * * *", timeZone: "Europe/Berlin", name: "host.metrics", payload: {} },
 *       { id: "nightly", cron: "0 30 2 * * *", name: "report", missed: "all", overlap: "queue" },
 *     ]);
 */
import { declare } from "./schedules/declare.ts";

export const schedules = declare([]);
