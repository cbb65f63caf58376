/**
 * The names that go into keys, channels and space-separated records: which characters they may
 * hold. None allows a space, a quote, a comma or a brace, so none needs escaping anywhere. In records and
 * arguments `-` stands for none, so no job and no node can be called that.
 */

/** Job id: chosen by the caller (then repeat-safe) or by `newJobId`. */
export const jobIdPattern = /^[A-Za-z0-9._:@~+=-]{1,128}$/;
/** Job name: which handler runs it. */
export const jobNamePattern = /^(?!-$)[A-Za-z0-9._:-]{1,64}$/;
/** Node name, as in `CHANNEL_DISPATCH_<node>`. */
export const nodeNamePattern = /^(?!-$)[A-Za-z0-9._-]{1,64}$/;
/**
 * Schedule id. No `@`, `+` or `/`: the ids of its runs are `<id>@<time>`, with a `+` where runs wait for
 * one another, and `/<id>` is its member in the set of what is due, where job ids are.
 */
export const scheduleIdPattern = /^(?!-$)[A-Za-z0-9._:~-]{1,100}$/;
/** Queue name; it is also the Redis Cluster hash tag of the queue's keys. */
export const queueNamePattern = /^[A-Za-z0-9._-]{1,64}$/;

/** The queue of a job that names none. */
export const defaultQueue = "default";
/** The handler of a bare id, and what foreign masters therefore run. */
export const defaultJobName = "echo";

/** A fresh job id: 16 characters, 96 random bits. */
export function newJobId(): string {
  return jobIdOf(crypto.getRandomValues(new Uint8Array(jobIdBytes)));
}

/** Ids like those of `newJobId`, for one who makes many: drawing random bytes costs most of an id. */
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
