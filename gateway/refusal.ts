/** What a caller is told instead of a result. Only `server.ts` turns it into a response. */

/** Statuses of the Upstash REST API; 503 is a Redis that does not answer, 500 a fault of ours. */
export type Status = 400 | 401 | 405 | 413 | 500 | 503;

/** A request that gets no result. The message is sent to the caller, so it never holds a secret. */
export class Refusal extends Error {
  readonly status: Status;

  constructor(status: Status, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "Refusal";
    this.status = status;
  }
}
