/** The script `lua/delete-jobs.lua`: its arguments and its answers. */
import { deleteJobsLua } from "../lua/generated.ts";
import { oneOf } from "../redis/answers.ts";
import { list } from "../redis/reply.ts";
import { defineScript } from "../redis/script.ts";

const answers = ["deleted", "alive", "unknown"] as const;

/** `alive`: it has not ended, or not in the state asked for. `unknown`: no such job, perhaps deleted before. */
export type DeletedJob = (typeof answers)[number];

/** List: ids. `only` is the state that a job must have ended in, or `-`. */
export const deleteJobs = defineScript(deleteJobsLua, (reply): readonly DeletedJob[] =>
  list(reply).map((each) => oneOf(each, answers)),
);
