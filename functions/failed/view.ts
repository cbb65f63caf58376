/** Failed jobs as callers see them. */
import type { FailedLine } from "../../protocol/api/failed.ts";
import type { FailedJob } from "../../protocol/scripts/list-failed.ts";
import { decodeResultTexts } from "../../protocol/wire/messages.ts";
import { parseRecord, parseResultRecord } from "../../protocol/wire/record.ts";
import { lineOf } from "../jobs/view.ts";

/** @throws SignalboxError `reply_unexpected` */
export function failedLine(queue: string, { id, record, ended }: FailedJob): FailedLine {
  const end = parseResultRecord(ended);
  const error = decodeResultTexts(end.text)?.[0]?.error;
  return {
    ...lineOf(id, queue, parseRecord(record), end),
    ...(error === undefined ? {} : { error }),
  };
}
