/**
 * Finds a real Redis server program, installs one, or explains how to. Never a stand-in: the ledger's
 * scripts are only known to work on a server that the tests ran them on.
 */
import { type Machine, thisMachine } from "./machine.ts";

/** Valkey is a fork of Redis; either will do. */
const PROGRAMS = ["redis-server", "valkey-server"] as const;

/**
 * Installs under its own lock, because apt waits for dpkg's lock but gives up immediately on that of
 * its package lists; a second process then finds the program and does nothing. It continues if the
 * lists could not be refreshed: the install shows whether they were good enough.
 */
const APT_INSTALL = `command -v redis-server >/dev/null || {
  apt-get -q update || true
  apt-get -q -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=120 install -y --no-install-recommends redis-server
}`;

/** Where the package installs it, for a PATH without that folder. */
const INSTALLED = "/usr/bin/redis-server";

/** Package manager → the command that installs a Redis server with it. The first one found is used. */
const INSTALL_COMMANDS = [
  ["apt-get", "apt-get update && apt-get install -y redis-server"],
  ["dnf", "dnf install -y redis"],
  ["apk", "apk add redis"],
  ["pacman", "pacman -S --noconfirm valkey"],
  ["zypper", "zypper install -y redis"],
] as const;

/**
 * Resolves to the path of `redis-server` or `valkey-server`. If there is none, it prints so and
 * installs one as root on Debian or Ubuntu; elsewhere it throws an error with the command to run.
 */
export async function findRedisServer(machine: Machine = thisMachine()): Promise<string> {
  const present = await lookUp(machine);
  if (present !== undefined) return present;

  if (machine.platform === "linux" && machine.uid === 0 && (await hasApt(machine))) {
    machine.say("No redis-server in PATH. Installing it: apt-get install -y redis-server");
    // A lock on a directory leaves no file behind and ends with its holder.
    const code = await machine.run("flock", ["/var/lib/apt", "sh", "-c", APT_INSTALL]);
    const installed = (await lookUp(machine)) ?? (await machine.executable(INSTALLED));
    if (installed !== undefined) return installed;
    throw new Error(`Installing redis-server failed (exit code ${code}). ${await advice(machine)}`);
  }
  throw new Error(`There is no redis-server or valkey-server in PATH. ${await advice(machine)}`);
}

async function lookUp(machine: Machine): Promise<string | undefined> {
  for (const program of PROGRAMS) {
    const path = await machine.which(program);
    if (path !== undefined) return path;
  }
  return undefined;
}

async function hasApt(machine: Machine): Promise<boolean> {
  return (await machine.which("apt-get")) !== undefined;
}

async function advice(machine: Machine): Promise<string> {
  const command = await installCommand(machine);
  const step = command === undefined ? "Install Redis or Valkey" : `Run: ${command}`;
  return `${step}\nOr set REDIS_URL to a server that is already running, such as redis://127.0.0.1:6379.`;
}

async function installCommand(machine: Machine): Promise<string | undefined> {
  if (machine.platform === "darwin") return "brew install redis";
  if (machine.platform !== "linux") return undefined;
  for (const [manager, command] of INSTALL_COMMANDS) {
    if ((await machine.which(manager)) === undefined) continue;
    return machine.uid === 0 ? command : withSudo(command);
  }
  return undefined;
}

function withSudo(command: string): string {
  return command
    .split(" && ")
    .map((part) => `sudo ${part}`)
    .join(" && ");
}
