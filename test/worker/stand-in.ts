/** Starts Redis and the gateway, says where, and ends them when its input ends. */
import { once } from "node:events";
import { startGateway } from "../../gateway/server.ts";
import { startRedisServer } from "../support/redis-server.ts";
import { urlAs } from "../support/redis-users.ts";

const server = await startRedisServer();
const gateway = await startGateway({
  redisUrl: urlAs(server.url, "function"),
  token: "gateway-token-0123456789",
});
process.stdout.write(`${gateway.url}\n`);
process.stdin.resume();
await once(process.stdin, "end");
await gateway.close();
await server.stop();
