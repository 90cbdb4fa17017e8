/** The server id of a database member while it follows; a primary writes under one of its epoch (src/ha/keys.ts). */
import { ipv4ToNumber } from '#src/std/ipv4.ts';

/**
 * From its address and not from its place in the stack file: it stays when other members come and go. Below 65,536, as
 * epochs' ids lie above; src/spec/rules-network.ts sees to it that members' ids differ, and are not 0.
 */
export function memberServerId(address: string): number {
  return ipv4ToNumber(address) % 65_536;
}
