/** From counters that were read twice to rates; pure. */
import type { HostFigures } from '#src/topology/figures.ts';

/** Per second; null when it is not known. A counter that went down began anew with its process. */
export function rate(
  before: number | undefined,
  after: number | undefined,
  elapsedMs: number,
): number | null {
  if (before === undefined || after === undefined || elapsedMs <= 0) return null;
  const grown = after >= before ? after - before : after;
  return (grown * 1_000) / elapsedMs;
}

export interface HostRates {
  readonly siteRequests: number | null;
  readonly siteErrors: number | null;
  /** By web host, as this balancer sent them. */
  readonly web: Readonly<Record<string, number | null>>;
  /** By member, as this router sent them. */
  readonly statements: Readonly<Record<string, number | null>>;
  /** By member: mean of those between the two readings, milliseconds. */
  readonly statementMs: Readonly<Record<string, number | null>>;
}

export function ratesBetween(before: HostFigures | undefined, after: HostFigures): HostRates {
  const elapsedMs = before === undefined ? 0 : after.atMs - before.atMs;
  const { balancer, router } = after;
  const web = (balancer?.servers ?? []).map(({ name, requests }) => {
    const earlier = before?.balancer?.servers.find((server) => server.name === name);
    return [name, rate(earlier?.requests, requests, elapsedMs)] as const;
  });
  const members = Object.entries(router?.members ?? {});
  const earlier = before?.router?.members;
  return {
    siteRequests: rate(before?.balancer?.requests, balancer?.requests, elapsedMs),
    siteErrors: rate(before?.balancer?.serverErrors, balancer?.serverErrors, elapsedMs),
    web: Object.fromEntries(web),
    statements: Object.fromEntries(
      members.map(([name, { statements }]) => [
        name,
        rate(earlier?.[name]?.statements, statements, elapsedMs),
      ]),
    ),
    statementMs: Object.fromEntries(members.map(([name, now]) => [name, meanMs(earlier?.[name], now)])),
  };
}

interface Took {
  readonly statements: number;
  readonly tookSeconds: number;
}

function meanMs(before: Took | undefined, after: Took): number | null {
  if (before === undefined || after.statements <= before.statements) return null;
  return ((after.tookSeconds - before.tookSeconds) * 1_000) / (after.statements - before.statements);
}

/** Null only when nothing is known. */
export function sum(values: readonly (number | null | undefined)[]): number | null {
  const known = values.filter((value) => value !== null && value !== undefined);
  return known.length === 0 ? null : known.reduce((total, value) => total + value, 0);
}
