/** The allow-list of `page.fetch`. */
import { describe, it } from "vitest";
import { isFetchAllowed, parseFetchHosts } from "../../../examples/fetch-hosts.ts";

describe("the allow-list of page.fetch", () => {
  const cases: readonly (readonly [list: string, url: string, isAllowed: boolean])[] = [
    ["", "http://a.example/", false],
    [" , ", "http://a.example/", false],
    ["a.example", "http://a.example/", true],
    ["a.example", "https://a.example/", true],
    ["a.example", "https://a.example:443/", true],
    ["a.example", "http://a.example:443/", false],
    ["a.example", "http://A.Example/", true],
    ["A.Example", "http://a.example/", true],
    ["a.example", "http://b.a.example/", false],
    ["a.example", "http://a.example.evil/", false],
    ["a.example", "http://a.example./", false],
    ["a.example:80", "http://a.example/", true],
    ["a.example:80", "https://a.example/", false],
    ["a.example:8080", "http://a.example:8080/", true],
    ["a.example:8080", "http://a.example/", false],
    ["b.example, a.example", "http://a.example/", true],
    ["[::1]:8080", "http://[0:0::1]:8080/", true],
    ["127.0.0.1", "http://0x7f.1/", true],
    ["a.example", "ftp://a.example/", false],
    ["a.example", "data:text/html,x", false],
  ];
  it.for(cases)('"%s" for %s: %s', ([list, url, isAllowed], { expect }) => {
    expect(isFetchAllowed(new URL(url), parseFetchHosts(list))).toBe(isAllowed);
  });

  it.for(["http://a.example", "a.example/path", "u@a.example", "a b", "a.example:99999"])(
    'refuses "%s" as an entry',
    (list, { expect }) => {
      expect(() => parseFetchHosts(list)).toThrow(/SIGNALBOX_FETCH_HOSTS: expected host/);
    },
  );
});
