/** The local HAProxy in figures; pure but for the question. */
import {
  askHaproxy,
  parseServersState,
  parseStat,
  type ServerState,
  type StatRow,
} from '#src/adapters/haproxy/runtime.ts';
import type { BalancerFigures, WebServerFigures } from '#src/topology/figures.ts';

/** Rejects when HAProxy does not answer. */
export async function balancerFigures(adminSocket: string): Promise<BalancerFigures> {
  const [stat, states] = await Promise.all([
    askHaproxy(adminSocket, 'show stat'),
    askHaproxy(adminSocket, 'show servers state'),
  ]);
  return figuresOf(parseStat(stat), parseServersState(states));
}

export function figuresOf(rows: readonly StatRow[], states: readonly ServerState[]): BalancerFigures {
  const site = rows.find((row) => row['pxname'] === 'https' && row['svname'] === 'FRONTEND') ?? {};
  const names = [...new Set(states.map(({ server }) => server))];
  return {
    connections: number(site, 'scur'),
    requests: number(site, 'req_tot'),
    serverErrors: number(site, 'hrsp_5xx'),
    servers: names.map((name) => server(name, rows, states)),
  };
}

/** A web host is a server in each backend; requests are those of all, its state and weight the exact one's. */
function server(name: string, rows: readonly StatRow[], states: readonly ServerState[]): WebServerFigures {
  const own = rows.filter((row) => row['svname'] === name && row['pxname']?.startsWith('web') === true);
  const main = own.find((row) => row['pxname'] === 'web') ?? own[0] ?? {};
  const mine = states.filter((state) => state.server === name);
  const exact = mine.find(({ backend }) => backend === 'web');
  const weighted = mine.find(({ backend }) => backend !== 'web') ?? exact;
  const sum = (column: string) => own.reduce((total, row) => total + number(row, column), 0);
  return {
    name,
    state: stateOf(main['status'] ?? ''),
    weight: weighted?.weight ?? 0,
    configuredWeight: exact?.configuredWeight ?? 0,
    requests: sum('req_tot') || sum('stot'),
    errors: sum('hrsp_5xx') + sum('econ') + sum('eresp'),
    latencyMs: Math.max(0, ...own.map((row) => number(row, 'ttime'))),
  };
}

function stateOf(status: string): WebServerFigures['state'] {
  if (status.startsWith('DRAIN')) return 'draining';
  if (status.startsWith('MAINT')) return 'maintenance';
  if (status.startsWith('UP') || status === 'no check') return 'up';
  return status.startsWith('DOWN') || status.startsWith('NOLB') ? 'down' : 'unknown';
}

function number(row: StatRow, column: string): number {
  const value = Number(row[column] ?? 0);
  return Number.isFinite(value) ? value : 0;
}
