/** Deletes ended jobs and all that is known of them. */
import { deleteJobsLua } from "../lua/generated.ts";
import { list, text } from "../redis/reply.ts";
import { defineScript } from "../redis/script.ts";

/** `alive`: it has not ended (in the state asked for). `unknown`: no such job, perhaps deleted before. */
export type DeletedJob = "deleted" | "alive" | "unknown";

/** List: ids. `only` is the state that a job must have ended in, or `-`. */
export const deleteJobs = defineScript(deleteJobsLua, (reply): readonly DeletedJob[] =>
  list(reply).map((each) => text(each) as DeletedJob),
);
