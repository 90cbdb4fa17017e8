/** All points, in the order in which they run against one lab. */
import type { Lab } from '#test/support/lab.ts';
import { simulator } from './failover-1-simulator.ts';
import { bothKilled } from './failover-2-both-killed.ts';
import { withoutEtcd } from './failover-2-etcd.ts';
import { failoverFaults } from './failover-2-faults.ts';
import { flapping, saturated } from './failover-3-eager.ts';
import { rejoin } from './failover-4-rejoin.ts';
import { fifty } from './failover-5-fifty.ts';
import { crashOrders } from './failover-6-crash-orders.ts';
import { switchoverWaits } from './failover-7-switchover-waits.ts';
import { replicaReturns } from './failover-8-replica-returns.ts';
import { bareServers } from './hosts-1-bare.ts';
import { matrix } from './hosts-2-matrix.ts';
import { upKilled } from './hosts-3-killed.ts';
import { changeStops } from './hosts-4-stops.ts';
import { growth } from './hosts-5-growth.ts';
import { largeStacks } from './hosts-6-large.ts';
import { badServers } from './hosts-bad-input.ts';
import { deploys } from './hosts-deploy.ts';
import { upgrades } from './hosts-upgrade.ts';
import { dashboard } from './monitoring-1-dashboard.ts';
import { alertsPoint, quietPoint } from './monitoring-2-alerts.ts';
import { monitoringHostDead } from './monitoring-3-host-dead.ts';
import { monitoringCost } from './monitoring-4-cost.ts';
import { monitoringPorts } from './monitoring-5-ports.ts';
import { dashboardSecurity } from './monitoring-5-security.ts';
import { contextOf, type Evidence, type LabPoint, type OwnPoint, type Place, withLab } from './point.ts';
import { conformance } from './router-1-conformance.ts';
import { readYourWrites } from './router-2-read-your-writes.ts';
import { offload } from './router-3-offload.ts';
import { routerFailover } from './router-4-failover.ts';
import { routerClients } from './router-6-clients.ts';
import { hostile } from './router-7-hostile.ts';
import { routerKilled } from './router-8-killed.ts';
import { freshClone } from './stack-1-fresh-clone.ts';
import { balance } from './stack-2-balance.ts';
import { floatingAddress } from './stack-3-floating-address.ts';
import { privileges } from './stack-4-privileges.ts';
import { scanPoint } from './stack-5-scan.ts';
import { unchanged } from './stack-6-unchanged.ts';
import { killed } from './stack-7-killed.ts';
import { interrupted } from './stack-8-interrupted.ts';
import { cost } from './stack-9-cost.ts';

type Size = 'small' | 'full';

/** A point with its counts bound, so that points of different counts fit one list. */
interface AnyPoint {
  readonly id: string;
  readonly title: string;
  readonly small: unknown;
  readonly full: unknown;
  readonly kind: 'lab' | 'own';
  readonly inSuite: boolean;
  onLab(lab: Lab, size: Size, log: (line: string) => void): Promise<Evidence>;
  onPlace(place: Place, size: Size, log: (line: string) => void): Promise<Evidence>;
}

function labPoint<Counts>(point: LabPoint<Counts>): AnyPoint {
  const { id, title, small, full, kind, inSuite = true } = point;
  const onLab: AnyPoint['onLab'] = (lab, size, log) => point.run(lab, contextOf(point, size, log));
  const onPlace: AnyPoint['onPlace'] = (place, size, log) => withLab(place, (lab) => onLab(lab, size, log));
  return { id, title, small, full, kind, inSuite, onLab, onPlace };
}

function ownPoint<Counts>(point: OwnPoint<Counts>): AnyPoint {
  const { id, title, small, full, kind, inSuite = true } = point;
  const onLab: AnyPoint['onLab'] = () => Promise.reject(new Error(`${id} brings labs of its own up`));
  const onPlace: AnyPoint['onPlace'] = (place, size, log) => point.run(place, contextOf(point, size, log));
  return { id, title, small, full, kind, inSuite, onLab, onPlace };
}

export const anyPoints: readonly AnyPoint[] = [
  ownPoint(freshClone),
  labPoint(balance),
  labPoint(floatingAddress),
  labPoint(privileges),
  labPoint(scanPoint),
  labPoint(unchanged),
  labPoint(killed),
  ownPoint(interrupted),
  ownPoint(cost),
  ownPoint(simulator),
  ...failoverFaults.map(ownPoint),
  ownPoint(bothKilled),
  labPoint(withoutEtcd),
  labPoint(flapping),
  labPoint(saturated),
  labPoint(rejoin),
  ownPoint(fifty),
  ownPoint(crashOrders),
  ownPoint(switchoverWaits),
  labPoint(replicaReturns),
  ownPoint(conformance),
  ownPoint(readYourWrites),
  ownPoint(offload),
  ownPoint(routerFailover),
  ownPoint(routerClients),
  ownPoint(hostile),
  ownPoint(routerKilled),
  ownPoint(dashboard),
  ownPoint(dashboardSecurity),
  ownPoint(largeStacks),
  ownPoint(deploys),
  labPoint(upgrades),
  ownPoint(bareServers),
  ownPoint(matrix),
  ownPoint(upKilled),
  ownPoint(changeStops),
  ownPoint(growth),
  ownPoint(badServers),
  ownPoint(alertsPoint),
  ownPoint(quietPoint),
  ownPoint(monitoringHostDead),
  ownPoint(monitoringCost),
  ownPoint(monitoringPorts),
];

/** Runs a point with a lab of its own. */
export async function runPoint(
  id: string,
  size: Size,
  place: Place,
  log: (line: string) => void,
): Promise<Evidence> {
  const point = anyPoints.find((candidate) => candidate.id === id);
  if (point === undefined) throw new Error(`there is no point ${id}`);
  return point.onPlace(place, size, log);
}
