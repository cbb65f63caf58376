/** The Worker that is Signalbox and nothing else. */
import { schedules } from "./schedules.ts";
import { createSignalbox } from "./signalbox.ts";

const { fetch, scheduled } = createSignalbox({ schedules });

export default { fetch, scheduled };
