/** The routes of schedules: one for each operation of the contract. */
import type { RoutesOf } from "../deps.ts";
import { moveSchedule, pauseSchedule, resumeSchedule, runSchedule } from "./actions.ts";
import type { scheduleOperations } from "./contract.ts";
import { deleteSchedule } from "./delete.ts";
import { countSchedules, listSchedules } from "./list.ts";
import { previewSchedule } from "./preview.ts";
import { postSchedule, putSchedule } from "./put.ts";
import { isScheduled, readSchedule, scheduleHistory } from "./read.ts";

export const scheduleRoutes: RoutesOf<typeof scheduleOperations> = {
  listSchedules,
  postSchedule,
  countSchedules,
  previewSchedule,
  readSchedule,
  putSchedule,
  deleteSchedule,
  isScheduled,
  scheduleHistory,
  pauseSchedule,
  resumeSchedule,
  runSchedule,
  moveSchedule,
};
