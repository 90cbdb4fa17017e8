/** What the Go programs that monitor have in common: they are never in the way of what they watch. */

import { defaultRestart, type Service } from '#src/render/service.ts';
import { monitoringUser } from '#src/topology/monitoring.ts';

/** Figures may be late, requests may not. */
const behindOthers = 10;
/** Go's scheduler wakes up many times a second; nobody here needs it to be on the dot. */
const timerSlackMs = 50;

/** `memoryMiB`: where Go's garbage collector begins to work harder (GOMEMLIMIT); no limit that kills. */
export function goService(
  service: Pick<
    Service,
    'name' | 'description' | 'command' | 'directories' | 'files' | 'readiness' | 'packages'
  > &
    Partial<Service>,
  memoryMiB: number,
): Service {
  return {
    kind: 'daemon',
    user: monitoringUser,
    environment: { GOMAXPROCS: '1', GOGC: '50', GOMEMLIMIT: `${memoryMiB}MiB` },
    startTimeoutMs: 60_000,
    stop: { signal: 'SIGTERM', timeoutMs: 10_000 },
    restart: defaultRestart,
    after: ['firewall'],
    startedBy: 'always',
    nice: behindOthers,
    timerSlackMs,
    ...service,
  };
}
