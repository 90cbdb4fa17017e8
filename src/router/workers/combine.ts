/** What several workers say of themselves, as one router. */
import type { RouterStatus } from '../operation/status.ts';

const topCount = 50;

type Top = RouterStatus['topStatements'][number];
type Pool = RouterStatus['pools'][number];

/** Throws when there is none. */
export function combineStatus(all: readonly RouterStatus[]): RouterStatus {
  // Those that drain may have an older configuration.
  const [first] = all.toSorted((left, right) => Number(left.draining) - Number(right.draining));
  if (first === undefined) throw new Error('no worker answers');
  const sum = (value: (status: RouterStatus) => number) =>
    all.reduce((total, status) => total + value(status), 0);
  const { held, errors } = first;
  return {
    ...first,
    upSeconds: Math.max(...all.map(({ upSeconds }) => upSeconds)),
    draining: all.every(({ draining }) => draining),
    pools: combined(
      all.flatMap(({ pools }) => pools),
      ({ member, role }) => `${member} ${role}`,
      addPools,
    ),
    clients: sum((each) => each.clients),
    sessions: sum((each) => each.sessions),
    held: mapNumbers(held, (key) => sum((each) => each.held[key])),
    errors: mapNumbers(errors, (key) => sum((each) => each.errors[key])),
    topStatements: combined(
      all.flatMap(({ topStatements }) => topStatements),
      ({ fingerprint }) => fingerprint,
      addTops,
    )
      .toSorted((left, right) => right.totalMs - left.totalMs)
      .slice(0, topCount),
  };
}

function mapNumbers<K extends string>(
  record: Readonly<Record<K, number>>,
  value: (key: K) => number,
): Record<K, number> {
  return Object.fromEntries(Object.keys(record).map((key) => [key, value(key as K)])) as Record<K, number>;
}

/** One entry for each key, in the order of their first appearance. */
function combined<T>(entries: readonly T[], keyOf: (entry: T) => string, add: (a: T, b: T) => T): T[] {
  const byKey = new Map<string, T>();
  for (const entry of entries) {
    const known = byKey.get(keyOf(entry));
    byKey.set(keyOf(entry), known === undefined ? entry : add(known, entry));
  }
  return [...byKey.values()];
}

function addPools(a: Pool, b: Pool): Pool {
  return {
    ...a,
    connections: a.connections + b.connections,
    limit: a.limit + b.limit,
    idle: a.idle + b.idle,
    waiting: a.waiting + b.waiting,
    outstanding: a.outstanding + b.outstanding,
  };
}

function addTops(a: Top, b: Top): Top {
  return {
    ...a,
    totalMs: a.totalMs + b.totalMs,
    atMostTooMuchMs: a.atMostTooMuchMs + b.atMostTooMuchMs,
    statements: a.statements + b.statements,
    longestMs: Math.max(a.longestMs, b.longestMs),
    routes: combined(
      [...a.routes, ...b.routes],
      ({ member, reason }) => `${member} ${reason}`,
      (one, other) => ({ ...one, statements: one.statements + other.statements }),
    ),
  };
}
