/** The record of a drained or weighted web host, and the changes that are allowed to it. */
import type { EtcdClient } from '#src/adapters/etcd/client.ts';
import { maxWeight, type TrafficOverride, trafficPrefix } from '#src/topology/figures.ts';
import { Problem } from '../api/problem.ts';

interface Change {
  readonly drain?: boolean;
  readonly weight?: number | null;
}

export function parseOverride(text: string): TrafficOverride | undefined {
  try {
    const { host, drain, weight, sinceMs, by } = JSON.parse(text) as Record<string, unknown>;
    const isGood = typeof host === 'string' && typeof drain === 'boolean' && typeof sinceMs === 'number';
    if (!isGood || typeof by !== 'string' || !isWeight(weight)) return undefined;
    return { host, drain, weight, sinceMs, by };
  } catch {
    return undefined;
  }
}

function isWeight(value: unknown): value is number | null {
  return value === null || (Number.isInteger(value) && Number(value) >= 0 && Number(value) <= maxWeight);
}

function parseChange(body: unknown): Change | undefined {
  if (typeof body !== 'object' || body === null) return undefined;
  const { drain, weight, ...others } = body as Record<string, unknown>;
  if (Object.keys(others).length > 0) return undefined;
  if (drain !== undefined && typeof drain !== 'boolean') return undefined;
  if (weight !== undefined && !isWeight(weight)) return undefined;
  return { ...(drain === undefined ? {} : { drain }), ...(weight === undefined ? {} : { weight }) };
}

export async function readOverrides(etcd: EtcdClient): Promise<readonly TrafficOverride[]> {
  const { kvs } = await etcd.range(trafficPrefix, { prefix: true });
  return kvs.flatMap(({ value }) => parseOverride(value) ?? []);
}

/**
 * Changes a web host's record and answers with the one that holds now, or null when nothing is left of it. Throws a
 * `Problem`: unknown host, bad body, or the change would leave no web host that takes requests.
 */
export async function changeOverride(
  etcd: EtcdClient,
  webHosts: readonly string[],
  host: string,
  body: unknown,
  by: string,
): Promise<TrafficOverride | null> {
  if (!webHosts.includes(host)) {
    throw new Problem(404, 'No such web host', `${host} is no web host; they are ${webHosts.join(', ')}.`);
  }
  const change = parseChange(body);
  if (change === undefined) {
    throw new Problem(
      422,
      'Bad change',
      `Expected {"drain": true or false, "weight": 0 to ${maxWeight}, or null}.`,
    );
  }
  const { kvs } = await etcd.range(trafficPrefix, { prefix: true });
  const known = new Map(kvs.flatMap(({ value }) => parseOverride(value) ?? []).map((one) => [one.host, one]));
  const before = known.get(host);
  const next: TrafficOverride = {
    host,
    drain: change.drain ?? before?.drain ?? false,
    weight: change.weight === undefined ? (before?.weight ?? null) : change.weight,
    sinceMs: Date.now(),
    by,
  };
  known.set(host, next);
  if (webHosts.every((name) => takesNothing(known.get(name)))) {
    throw new Problem(409, 'Refused', `Then no web host would take requests: ${host} is the last one.`);
  }
  const key = `${trafficPrefix}${host}`;
  const isDefault = !next.drain && next.weight === null;
  const stored = kvs.find((kv) => kv.key === key);
  const { succeeded } = await etcd.txn({
    compare: [{ target: 'modRevision', key, number: stored?.modRevision ?? 0 }],
    success: [isDefault ? { op: 'delete', key } : { op: 'put', key, value: JSON.stringify(next) }],
  });
  if (!succeeded)
    throw new Problem(409, 'Refused', 'Somebody else changed it meanwhile: look, and ask again.');
  return isDefault ? null : next;
}

function takesNothing(override: TrafficOverride | undefined): boolean {
  return override !== undefined && (override.drain || override.weight === 0);
}
