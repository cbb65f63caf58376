/**
 * `GET /openapi.json`. Open to everyone: it says what the source says, and nothing of this installation; tools that read it
 * have no token yet.
 */
import type { Handler } from "hono";
import { openApiDocument } from "./document.ts";

/** Answers 200 with the document. */
export const readDocument: Handler = (c) => c.json(openApiDocument());
