/** The options of the local stack, from arguments and environment. */
import { describe, it } from "vitest";
import { parseOptions, UsageError } from "../../../local/options.ts";

const ROOT = "/project";

describe("the options of npm start", () => {
  it("runs the demonstration and stays, on any port, in the project's folder", ({ expect }) => {
    expect(parseOptions([], {}, ROOT)).toEqual({
      isOnce: false,
      hasDemo: true,
      wantsHelp: false,
      mount: "",
      port: undefined,
      home: "/project/.signalbox",
    });
  });

  it.for([
    [["--once"], { isOnce: true, hasDemo: true }],
    [["--no-demo"], { isOnce: false, hasDemo: false }],
    [["--help"], { wantsHelp: true }],
    [["-h"], { wantsHelp: true }],
  ] as const)("understands %j", ([args, expected], { expect }) => {
    expect(parseOptions(args, {}, ROOT)).toMatchObject(expected);
  });

  it("takes port and folder from the environment", ({ expect }) => {
    const env = { PORT: "9000", SIGNALBOX_HOME: "/elsewhere" };
    expect(parseOptions([], env, ROOT)).toMatchObject({ port: 9_000, home: "/elsewhere" });
    expect(parseOptions([], { PORT: "" }, ROOT).port).toBeUndefined();
    for (const nothing of ["", " ", "\t"]) {
      const empty = { PORT: nothing, SIGNALBOX_HOME: nothing };
      expect(parseOptions([], empty, ROOT)).toEqual(parseOptions([], {}, ROOT));
    }
  });

  it.for([
    [["--frob"], {}, /Unknown option '--frob'[^]*npm start -- --once/],
    [["now"], {}, /Unexpected argument 'now'/],
    [["--once=1"], {}, /--once/],
    [["--once", "--no-demo"], {}, /choose one/],
    [[], { PORT: "http" }, /PORT: expected a whole number from 1 to 65535, got "http"/],
    [[], { PORT: "0" }, /PORT/],
    [[], { PORT: "65536" }, /PORT/],
    [[], { PORT: "1e3" }, /PORT/],
  ] as const)("refuses %j with %j", ([args, env, message], { expect }) => {
    expect(() => parseOptions(args, env, ROOT)).toThrow(UsageError);
    expect(() => parseOptions(args, env, ROOT)).toThrow(message);
  });
});
