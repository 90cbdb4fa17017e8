/** What must not be blocked by a slip of the hand: the stack itself, and those who would have to unblock it. Pure. */
import type { AgentConfig } from '#src/topology/agent-config.ts';
import { type Network, overlaps, parseNetwork } from './network.ts';

export interface BlockRequest {
  readonly network: Network;
  /** Null: until it is removed. */
  readonly durationMs: number | null;
  readonly reason: string;
  readonly force: boolean;
}

/** Said to the user as it is. */
export class BlocklistRefusal extends Error {}

const longestMs = 10 * 365 * 86_400_000;

/** Throws a `BlocklistRefusal` that says what is wrong with the body of a request. */
export function parseBlockRequest(body: unknown): BlockRequest {
  if (typeof body !== 'object' || body === null)
    throw new BlocklistRefusal('The body should be a JSON object.');
  const { address, durationMs = null, reason = '', force = false } = body as Record<string, unknown>;
  const network = typeof address === 'string' ? parseNetwork(address) : undefined;
  if (network === undefined) {
    throw new BlocklistRefusal(
      `${String(address)} is not an address or network; write 203.0.113.5, 203.0.113.0/24 or 2001:db8::/32.`,
    );
  }
  const valid = typeof durationMs === 'number' && Number.isFinite(durationMs) && durationMs >= 1_000;
  if (durationMs !== null && (!valid || durationMs > longestMs)) {
    throw new BlocklistRefusal('durationMs should be at least 1000, or null.');
  }
  if (typeof reason !== 'string' || reason.length > 200) {
    throw new BlocklistRefusal('reason should be a text of at most 200 characters.');
  }
  return { network, durationMs: durationMs as number | null, reason, force: force === true };
}

/** Why this network should not be blocked; undefined when nothing speaks against it. */
export function protectedBy(
  network: Network,
  config: Pick<AgentConfig, 'peers' | 'floatingAddresses' | 'operators'>,
  askedFrom: string,
): string | undefined {
  const protectedNetworks: readonly (readonly [string, string])[] = [
    ...config.peers.map((peer) => [peer.address, `the host ${peer.name}`] as const),
    ...config.floatingAddresses.map((address) => [address, 'the floating address'] as const),
    ...config.operators.map((address) => [address, 'an operator (network.operators)'] as const),
    ...(askedFrom === '' ? [] : [[askedFrom, 'the address that this request comes from'] as const]),
    ['127.0.0.0/8', 'this machine itself'],
    ['::1', 'this machine itself'],
  ];
  for (const [address, what] of protectedNetworks) {
    const other = parseNetwork(address);
    if (other !== undefined && overlaps(network, other)) {
      return `${network.text} holds ${address}, ${what}; with force it is blocked all the same.`;
    }
  }
  return undefined;
}
