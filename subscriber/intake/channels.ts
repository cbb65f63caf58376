/** Which channels a subscriber listens on. */
import {
  controlChannel,
  dispatchChannel,
  type Naming,
  resultChannel,
} from "../../protocol/redis/keys.ts";
import type { ClusterShare } from "../cluster/share.ts";
import type { AssignmentConfig } from "../config/nodes.ts";

/** What is read of the subscriber. */
export interface ChannelsContext {
  readonly naming: Naming;
  readonly heard: readonly AssignmentConfig[];
  readonly share: Pick<ClusterShare, "isHome">;
}

/** One channel for each node that is heard, the control channel, and at the home the result channel. */
export function channelsOf({ naming, heard, share }: ChannelsContext): readonly string[] {
  const nodes = [...new Set(heard.map(({ node }) => node))];
  return [
    ...nodes.map((node) => dispatchChannel(naming, node)),
    ...(share.isHome ? [resultChannel(naming)] : []),
    controlChannel(naming),
  ];
}
