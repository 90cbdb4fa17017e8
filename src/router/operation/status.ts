/** What a router says of itself to an operator: `GET /status` of its control endpoint. */
import { printPosition } from '#src/routing/freshness.ts';
import type { Router } from '../router.ts';
import { poolFigures } from './metrics.ts';

const topCount = 50;

export type RouterStatus = ReturnType<typeof routerStatus>;

export function routerStatus(router: Router) {
  const { config, topology, observer, shared } = router;
  const { statistics } = observer;
  const { primary, epoch } = topology.view;
  return {
    number: config.number,
    upSeconds: Math.round((Date.now() - router.startedMs) / 1_000),
    draining: router.draining,
    consistency: config.consistency,
    primary: primary?.name ?? null,
    epoch,
    members: shared.members().map(({ name, role, state, lagMs, epoch: history, applied, logged }) => ({
      name,
      role,
      state,
      /** Null is unknown. */
      lagMs: lagMs === undefined ? null : Math.round(lagMs),
      historyEpoch: history,
      position: printed(role === 'primary' ? logged : applied),
    })),
    pools: poolFigures(router),
    clients: router.clients,
    sessions: router.sessions.size,
    held: {
      statements: statistics.held,
      total: statistics.heldTotal,
      waiting: statistics.waiting,
      waitingBytes: statistics.waitingBytes,
    },
    errors: statistics.errors,
    /** Estimated from samples, most time first; `atMostTooMuchMs` is what a time may be too large by. */
    topStatements: observer.top(topCount).map((each) => ({
      fingerprint: each.fingerprint,
      totalMs: Math.round(each.totalMs),
      atMostTooMuchMs: Math.round(each.atMostTooMuchMs),
      statements: Math.round(each.statements),
      longestMs: Math.round(each.longestMs * 10) / 10,
      routes: each.routes.map(({ member, reason, statements }) => ({
        member,
        reason,
        statements: Math.round(statements),
      })),
    })),
  };
}

function printed(position: Parameters<typeof printPosition>[0] | undefined): string | null {
  return position === undefined ? null : printPosition(position);
}
