import { describe, expect, test } from "vitest";
import { parseNodes } from "../../../../subscriber/config/nodes.ts";

const defaults = { slots: 10, queues: ["default"] };

describe("parseNodes", () => {
  test.each([
    ["1,2,3", ["1@default:10", "2@default:10", "3@default:10"]],
    [" a , b ,", ["a@default:10", "b@default:10"]],
    ["gpu:1@render+thumbs:8,cpu", ["gpu@render:1", "gpu@thumbs:8", "cpu@default:10"]],
    ["n@a,n@b", ["n@a:10", "n@b:10"]],
    ["n:1000", ["n@default:1000"]],
  ])("reads %j", (text, wanted) => {
    const assignments = parseNodes(text, defaults);
    expect(assignments.map(({ node, queue, slots }) => `${node}@${queue}:${slots}`)).toEqual(
      wanted,
    );
  });

  test.each([
    "",
    ",",
    " ",
    "a,a",
    "a@q,a@q",
    "a@q+q",
    "a@b@c",
    "a:0",
    "a:1001",
    "a:-1",
    "a:1.5",
    "a:",
    "a:x",
    "a:1:2",
    "a b",
    "a{b",
    "ü",
    "@q",
    "a@",
    "a@q+",
    "x".repeat(65),
    "a:1e2",
  ])("refuses %j", (text) => {
    expect(() => parseNodes(text, defaults)).toThrow(/^SIGNALBOX_NODES: expected .*, got "/);
  });
});
