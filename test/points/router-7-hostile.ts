import assert from 'node:assert/strict';
import { maxPayloadBytes } from '#src/mysql-wire/framing.ts';
import { removeDirectories } from '#test/real/mariadb/server.ts';
import { startFront } from '#test/wire/front.ts';
import { breakages } from '#test/wire/hostile/breakages.ts';
import { fuzzSockets } from '#test/wire/hostile/fuzz-sockets.ts';
import type { FuzzKind, Share } from '#test/wire/hostile/fuzz-worker.ts';
import { fuzz, fuzzAll, type Order } from '#test/wire/hostile/fuzzing.ts';
import { clients, misbehave, servers } from '#test/wire/hostile/misbehaving.ts';
import { splitEverywhere, splitLarge } from '#test/wire/hostile/splits.ts';
import type { Evidence, OwnPoint } from './point.ts';

interface Counts {
  readonly seed: number;
  /** Mutated packets of the codec alone, and through whole sessions in memory, in each direction. */
  readonly codecPackets: number;
  readonly sessionPackets: number;
  /** A share's packets: each is a process and a seed of its own. */
  readonly sharePackets: { readonly codec: number; readonly sessions: number };
  /** Sessions over real sockets, in each direction. */
  readonly sockets: number;
  /** Every byte boundary, or every so many-th. */
  readonly splitEvery: number;
  readonly largePayloads: readonly number[];
  readonly breakages: number;
  /** With those scenarios that take their time. */
  readonly slow: boolean;
}

/** Both cores, as far as there are. */
const workers = 2;
const shareTimeoutMs = 900_000;
/** Of a fuzzing process: its material, and garbage that is not yet collected. */
const shareLimitMiB = 400;

const directions: Readonly<Record<string, readonly [codec: FuzzKind, sessions: FuzzKind]>> = {
  fromClients: ['logins', 'clients'],
  fromServers: ['answers', 'servers'],
};

function ordersOf(kind: FuzzKind, seed: number, packets: number, share: number): Order[] {
  const orders: Order[] = [];
  for (let left = packets; left > 0; left -= share) {
    orders.push({ kind, seed: seed + orders.length, packets: Math.min(share, left) });
  }
  return orders;
}

function summaryOf(shares: readonly Share[]): Evidence {
  const outcomes: Record<string, number> = {};
  for (const share of shares) {
    for (const [name, times] of Object.entries(share.outcomes))
      outcomes[name] = (outcomes[name] ?? 0) + times;
  }
  const sum = (of: (share: Share) => number) => shares.reduce((total, share) => total + of(share), 0);
  const packets = sum((share) => share.packets);
  return {
    packets,
    seeds: `${shares[0]?.seed} to ${shares.at(-1)?.seed}`,
    perCpuSecond: Math.round(packets / sum((share) => share.cpuSeconds)),
    outcomes,
    peakMiB: Math.max(...shares.map((share) => share.peakMiB)),
    hash: shares.reduce((hash, share) => Math.imul(hash ^ share.hash, 0x01000193) >>> 0, 0x811c9dc5),
  };
}

async function fuzzInMemory(counts: Counts, log: (line: string) => void): Promise<Evidence> {
  const { seed, codecPackets, sessionPackets, sharePackets } = counts;
  const startedMs = performance.now();
  const orders = Object.values(directions).flatMap(([codec, sessions]) => [
    ...ordersOf(sessions, seed, sessionPackets, sharePackets.sessions),
    ...ordersOf(codec, seed, codecPackets, sharePackets.codec),
  ]);
  const shares = await fuzzAll(orders, workers, shareTimeoutMs);
  const seen: Record<string, unknown> = {};
  for (const [direction, kinds] of Object.entries(directions)) {
    let packets = 0;
    for (const kind of kinds) {
      const own = shares.filter((share) => share.kind === kind);
      for (const { peakMiB } of own) assert.ok(peakMiB <= shareLimitMiB, `${kind}: ${peakMiB} MiB`);
      packets += own.reduce((sum, share) => sum + share.packets, 0);
      seen[kind] = summaryOf(own);
    }
    seen[direction] = packets;
    log(`${direction}: ${packets} mutated packets`);
  }
  return { ...seen, seconds: Math.round((performance.now() - startedMs) / 1_000) };
}

/** The same share once more has the same outcomes. */
async function repeated({ seed }: Counts): Promise<Evidence> {
  const orders = (['logins', 'answers', 'clients', 'servers'] as const).flatMap((kind) => {
    const order: Order = { kind, seed, packets: 5_000 };
    return [order, order];
  });
  const shares = await fuzzAll(orders, workers, shareTimeoutMs);
  for (let at = 0; at < shares.length; at += 2)
    assert.equal(shares[at]?.hash, shares[at + 1]?.hash, 'another run');
  return { kinds: shares.length / 2 };
}

async function findBreakages(count: number, log: (line: string) => void): Promise<Evidence> {
  const seen: Record<string, string> = {};
  for (const { name, kind } of breakages.slice(0, count)) {
    const found = await fuzz({ kind, seed: 1, packets: 20_000 }, shareTimeoutMs, name).catch(
      (error) => error,
    );
    const text: string = found.stderr ?? '';
    const property = /(?:AssertionError|RangeError|TypeError)[^\n]*/.exec(text)?.[0];
    assert.ok(!text.includes('not exactly once'), `there is nothing to break any more: ${name}`);
    assert.ok(property !== undefined, `not found within 20,000 packets: ${name}`);
    seen[name] = property.slice(0, 120);
    log(`${name}: ${property.slice(0, 80)}`);
  }
  return seen;
}

export const hostile: OwnPoint<Counts> = {
  kind: 'own',
  id: 'router-7',
  title:
    'Packets cut at every byte, mutated packets, peers that misbehave: at most their own session ends, and nobody else notices',
  inSuite: false,
  small: {
    seed: 1,
    codecPackets: 20_000,
    sessionPackets: 5_000,
    sharePackets: { codec: 20_000, sessions: 5_000 },
    sockets: 200,
    splitEvery: 20,
    largePayloads: [maxPayloadBytes],
    breakages: 2,
    slow: false,
  },
  full: {
    seed: 20_261_128,
    codecPackets: 9_500_000,
    sessionPackets: 1_000_000,
    sharePackets: { codec: 500_000, sessions: 100_000 },
    sockets: 60_000,
    splitEvery: 1,
    largePayloads: [maxPayloadBytes - 1, maxPayloadBytes, maxPayloadBytes + 1, maxPayloadBytes + 64],
    breakages: breakages.length,
    slow: true,
  },
  async run(_place, { counts, log }) {
    const front = await startFront({ bufferTimeoutMs: 300, connectTimeoutMs: 200 });
    try {
      const splits = await splitEverywhere(counts.splitEvery);
      const large = await splitLarge(counts.largePayloads, counts.splitEvery);
      log(`cut at ${splits.cuts + large.cuts} places`);
      const misbehaving = {
        servers: await misbehave(front, servers),
        clients: await misbehave(
          front,
          clients.filter(({ takesLong }) => counts.slow || takesLong !== true),
        ),
      };
      log(`${servers.length} servers and ${clients.length} clients misbehaved`);
      const found = await findBreakages(counts.breakages, log);
      const again = await repeated(counts);
      const inMemory = await fuzzInMemory(counts, log);
      const { seed, sockets } = counts;
      const overSockets = await fuzzSockets({ clientSessions: sockets, serverSessions: sockets, seed }, log);
      return { splits, large, misbehaving, breakagesFound: found, repeated: again, inMemory, overSockets };
    } finally {
      front.close();
      removeDirectories();
    }
  },
};
