/** From what operators asked for and what HAProxy has to the commands that are missing; pure. */

import type { ServerState } from '#src/adapters/haproxy/runtime.ts';
import { weightedBackend } from '#src/render/haproxy.ts';
import type { TrafficOverride } from '#src/topology/figures.ts';

/** Bit of `srv_admin_state`: drain by the runtime API. */
const forcedDrain = 8;

/**
 * `isAdjusted`: the site already goes to the weighted backend. `released`: drained by an override that is gone; a server
 * that somebody else drains, such as a deploy, is left alone. Servers of the weighted backend follow those of `web`.
 */
export function commandsFor(
  overrides: ReadonlyMap<string, TrafficOverride>,
  states: readonly ServerState[],
  isAdjusted: boolean,
  released: ReadonlySet<string>,
): readonly string[] {
  const drains = states
    .filter(({ backend }) => backend === 'web')
    .flatMap(({ server, admin }) => {
      const isDrained = (admin & forcedDrain) !== 0;
      if (overrides.get(server)?.drain === true)
        return isDrained ? [] : [`set server web/${server} state drain`];
      return isDrained && released.has(server) ? [`set server web/${server} state ready`] : [];
    });
  const weighted = states.filter(({ backend }) => backend === weightedBackend);
  const weights = weighted.flatMap(({ server, weight, configuredWeight }) => {
    const wanted = overrides.get(server)?.weight ?? configuredWeight;
    return wanted === weight ? [] : [`set server ${weightedBackend}/${server} weight ${wanted}`];
  });
  const adjust = weighted.some(({ server, configuredWeight }) => {
    const wanted = overrides.get(server)?.weight;
    return wanted !== undefined && wanted !== null && wanted !== configuredWeight;
  });
  const variable =
    adjust === isAdjusted ? [] : [`experimental-mode on; set var proc.adjusted int(${adjust ? 1 : 0})`];
  // Weights first: the site is switched over to what is ready for it.
  return [...drains, ...weights, ...variable];
}
