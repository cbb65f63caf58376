/** Finding or installing a Redis server on simulated machines. */
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { describe, it } from "vitest";
import { type Machine, which } from "../../../local/machine.ts";
import { findRedisServer } from "../../../local/redis-binary.ts";

interface Script {
  readonly platform?: NodeJS.Platform;
  readonly uid?: number;
  readonly programs?: readonly string[];
  /** Programs that are there once a command has been run. */
  readonly installs?: readonly string[];
  readonly exitCode?: number;
  /** Paths of programs that are there and not in PATH. */
  readonly elsewhere?: readonly string[];
}

function machine(script: Script) {
  const programs = new Set(script.programs ?? []);
  const events: string[] = [];
  const fake: Machine = {
    platform: script.platform ?? "linux",
    uid: script.uid ?? 1000,
    which: (name) => Promise.resolve(programs.has(name) ? `/bin/${name}` : undefined),
    executable: (file) => Promise.resolve(script.elsewhere?.includes(file) ? file : undefined),
    run: (command, args) => {
      events.push(`run ${[command, ...args].join(" ")}`);
      for (const program of script.installs ?? []) programs.add(program);
      return Promise.resolve(script.exitCode ?? 0);
    },
    say: (line) => {
      events.push(`say ${line}`);
    },
  };
  return { fake, events };
}

describe("findRedisServer", () => {
  it("takes redis-server from PATH and asks for nothing else", async ({ expect }) => {
    const { fake, events } = machine({ programs: ["redis-server", "valkey-server"], uid: 0 });
    await expect(findRedisServer(fake)).resolves.toBe("/bin/redis-server");
    expect(events).toEqual([]);
  });

  it("takes valkey-server if there is no redis-server", async ({ expect }) => {
    const { fake } = machine({ programs: ["valkey-server"] });
    await expect(findRedisServer(fake)).resolves.toBe("/bin/valkey-server");
  });

  it("installs it as root with apt, saying so first", async ({ expect }) => {
    const { fake, events } = machine({
      uid: 0,
      programs: ["apt-get"],
      installs: ["redis-server"],
    });
    await expect(findRedisServer(fake)).resolves.toBe("/bin/redis-server");
    expect(events).toHaveLength(2);
    expect(events[0]).toMatch(/^say .*apt-get install -y redis-server/);
    expect(events[1]).toMatch(
      /^run flock [^]*apt-get .*update[^]*apt-get .*install .*redis-server/,
    );
  });

  it("accepts a server that appeared although the installer failed", async ({ expect }) => {
    const { fake } = machine({
      uid: 0,
      programs: ["apt-get"],
      installs: ["redis-server"],
      exitCode: 100,
    });
    await expect(findRedisServer(fake)).resolves.toBe("/bin/redis-server");
  });

  it("finds what it installed outside PATH", async ({ expect }) => {
    const { fake, events } = machine({
      uid: 0,
      programs: ["apt-get"],
      elsewhere: ["/usr/bin/redis-server"],
    });
    await expect(findRedisServer(fake)).resolves.toBe("/usr/bin/redis-server");
    expect(events).toHaveLength(2);
  });

  it("reports that the installer did not install it", async ({ expect }) => {
    const { fake } = machine({ uid: 0, programs: ["apt-get"], exitCode: 100 });
    await expect(findRedisServer(fake)).rejects.toThrow(
      /failed \(exit code 100\)[^]*Run: apt-get update && apt-get install -y redis-server\n/,
    );
  });

  const advised: readonly (readonly [string, Script, string])[] = [
    [
      "a Debian user",
      { programs: ["apt-get"] },
      "Run: sudo apt-get update && sudo apt-get install -y redis-server\n",
    ],
    ["a Mac", { platform: "darwin", uid: 501 }, "Run: brew install redis\n"],
    ["Fedora", { programs: ["dnf"] }, "Run: sudo dnf install -y redis\n"],
    ["Alpine as root", { programs: ["apk"], uid: 0 }, "Run: apk add redis\n"],
    ["Arch", { programs: ["pacman"] }, "Run: sudo pacman -S --noconfirm valkey\n"],
    ["openSUSE", { programs: ["zypper"] }, "Run: sudo zypper install -y redis\n"],
    ["a Linux without a known package manager", {}, "Install Redis or Valkey\n"],
    ["Windows", { platform: "win32" }, "Install Redis or Valkey\n"],
  ];
  it.for(advised)(
    "names the command for %s and runs nothing",
    async ([, script, text], { expect }) => {
      const { fake, events } = machine(script);
      await expect(findRedisServer(fake)).rejects.toThrow(text);
      await expect(findRedisServer(fake)).rejects.toThrow("Or set REDIS_URL");
      expect(events).toEqual([]);
    },
  );
});

describe("which", () => {
  it("finds the first executable file, not a directory or a plain file", async ({ expect }) => {
    const root = await mkdtemp(join(tmpdir(), "signalbox-which-"));
    try {
      const [one, two, three] = [join(root, "1"), join(root, "2"), join(root, "3")];
      await mkdir(join(one, "tool"), { recursive: true });
      await mkdir(two);
      await mkdir(three);
      await writeFile(join(two, "tool"), "", { mode: 0o644 });
      await writeFile(join(three, "tool"), "");
      await chmod(join(three, "tool"), 0o755);
      const path = ["", join(root, "missing"), one, two, three].join(delimiter);
      await expect(which("tool", path)).resolves.toBe(join(three, "tool"));
      await expect(which("other", path)).resolves.toBeUndefined();
    } finally {
      await rm(root, { recursive: true });
    }
  });
});
