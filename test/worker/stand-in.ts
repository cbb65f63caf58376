/** Starts Redis and a gateway for each of its users, says where, and ends them when its input ends. */
import { once } from "node:events";
import { startGateway } from "../../gateway/server.ts";
import { aclRoles } from "../../protocol/redis/acl.ts";
import { startRedisServer } from "../support/redis-server.ts";
import { urlAs } from "../support/redis-users.ts";

const server = await startRedisServer();
const gateways = await Promise.all(
  aclRoles.map((role) =>
    startGateway({ redisUrl: urlAs(server.url, role), token: "gateway-token-0123456789" }),
  ),
);
process.stdout.write(`${gateways.map(({ url }) => url).join(" ")}\n`);
process.stdin.resume();
await once(process.stdin, "end");
await Promise.all(gateways.map((gateway) => gateway.close()));
await server.stop();
