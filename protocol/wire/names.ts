/**
 * Names that go into keys, channels and space-separated records, and the characters they may hold. None allows a space, a
 * quote, a comma or a brace, so none needs escaping anywhere. In records and arguments `-` stands for none, so no job, no
 * node and no schedule can be called that.
 */

/** Job id: chosen by the client (then a dispatch is repeat-safe) or made by `newJobId`. */
export const jobIdPattern = /^(?!-$)[A-Za-z0-9._:@~+=-]{1,128}$/;
/** Job name: which handler runs it. */
export const jobNamePattern = /^(?!-$)[A-Za-z0-9._:-]{1,64}$/;
/** Node name, as in `CHANNEL_DISPATCH_<node>`. */
export const nodeNamePattern = /^(?!-$)[A-Za-z0-9._-]{1,64}$/;
/**
 * Schedule id. Without `@`, `+` and `/`: the ids of its runs are `<id>@<time>`, with a `+` if runs wait for one another,
 * and `/<id>` is its member in the set of due items, which holds job ids as well.
 */
export const scheduleIdPattern = /^(?!-$)[A-Za-z0-9._:~-]{1,100}$/;
/** Queue name; it is also the Redis Cluster hash tag of the queue's keys. */
export const queueNamePattern = /^[A-Za-z0-9._-]{1,64}$/;

/** The queue of a job that names none. */
export const defaultQueue = "default";
/** The job name of a bare id, which foreign masters send. */
export const defaultJobName = "echo";

/** A new job id: 16 characters, 96 random bits. */
export function newJobId(): string {
  return jobIdOf(crypto.getRandomValues(new Uint8Array(jobIdBytes)));
}

/** Makes ids like those of `newJobId`, for a caller that needs many: one call for random bytes serves 256 ids. */
export function createJobIds(): () => string {
  const pool = new Uint8Array(jobIdBytes * 256);
  let at = pool.length;
  return () => {
    if (at === pool.length) {
      crypto.getRandomValues(pool);
      at = 0;
    }
    return jobIdOf(pool.subarray(at, (at += jobIdBytes)));
  };
}

const jobIdBytes = 12;

function jobIdOf(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_");
}
