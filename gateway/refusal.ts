/** The error that a caller receives instead of a result. Only `server.ts` turns it into a response. */

/** Statuses of the Upstash REST API; 503 means that Redis does not answer, 500 a bug of the gateway. */
export type Status = 400 | 401 | 405 | 413 | 500 | 503;

/** A request without a result. The message is sent to the caller, so it must not contain a secret. */
export class Refusal extends Error {
  readonly status: Status;

  constructor(status: Status, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "Refusal";
    this.status = status;
  }
}
