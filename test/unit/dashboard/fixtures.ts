/** A reference stack as etcd and the agents would tell of it. */

import { ratesBetween } from '#src/dashboard/server/rates.ts';
import type { Inputs, Seen } from '#src/dashboard/server/state.ts';
import type { MemberReport } from '#src/ha/keys.ts';
import type { DashboardConfig } from '#src/topology/dashboard-config.ts';
import type { HostFigures, HostOverview } from '#src/topology/figures.ts';

export const config: DashboardConfig = {
  stack: 'users',
  stackId: '00',
  host: 'lb-1',
  listen: { address: '127.0.0.1', port: 0 },
  url: 'https://10.77.0.100:8442/',
  lab: true,
  floatingAddresses: ['10.77.0.100'],
  siteUrl: 'https://10.77.0.100/',
  hosts: [
    { name: 'lb-1', address: '10.77.0.11', roles: ['balancer', 'quorum'] },
    { name: 'lb-2', address: '10.77.0.12', roles: ['balancer'] },
    { name: 'server-1', address: '10.77.0.13', roles: ['web', 'database', 'quorum'] },
    { name: 'server-2', address: '10.77.0.14', roles: ['web', 'database', 'quorum'] },
  ],
  sync: 'required',
  agentPort: 8440,
  etcdEndpoints: [],
  prometheus: [],
  tls: { ca: '', certificate: '', key: '' },
  accountsFile: '',
  assetsDirectory: '',
  idleMs: 1_800_000,
  sessionMs: 43_200_000,
};

export function figures(atMs: number, more: Partial<HostFigures> = {}): HostFigures {
  return {
    atMs,
    load1: 1,
    cores: 2,
    memoryTotalBytes: 100,
    memoryAvailableBytes: 25,
    diskTotalBytes: 100,
    diskAvailableBytes: 90,
    ...more,
  };
}

function overview(host: string, parts: Partial<HostOverview['status']>, own: HostFigures): HostOverview {
  return {
    status: {
      host,
      stackId: '00',
      startedMs: 0,
      quorum: { reachable: true, atMs: 0 },
      clockOffsetsMs: {},
      blocklistEntries: 0,
      warnings: [],
      ...parts,
    },
    services: [{ name: 'agent', state: 'running', sinceMs: 0, restarts: 0, reason: null }],
    figures: own,
  };
}

function balancer(host: string, requests: readonly [number, number], heldAddresses: readonly string[]): Seen {
  const at = (atMs: number, [one, two]: readonly [number, number]) =>
    figures(atMs, {
      balancer: {
        connections: 3,
        requests: one + two,
        serverErrors: 0,
        servers: [
          {
            name: 'server-1',
            state: 'up',
            weight: 2,
            configuredWeight: 2,
            requests: one,
            errors: 0,
            latencyMs: 8,
          },
          {
            name: 'server-2',
            state: 'up',
            weight: 1,
            configuredWeight: 1,
            requests: two,
            errors: 0,
            latencyMs: 9,
          },
        ],
      },
    });
  const after = at(2_000, requests);
  return {
    overview: overview(
      host,
      { balancer: { heldAddresses, haproxyHealthy: true, drained: [], standsBack: false } },
      after,
    ),
    rates: ratesBetween(at(0, [0, 0]), after),
  };
}

function member(host: string, lagSeconds: number | null): Seen {
  const router = (statements: number) => ({
    clients: 1,
    sessions: 1,
    held: 0,
    errors: 0,
    members: { 'server-1': { statements, tookSeconds: statements / 100 } },
  });
  const after = figures(2_000, { router: router(40) });
  const database = {
    role: 'replica',
    ready: true,
    sync: true,
    lagSeconds,
    epoch: 7,
    sinceMs: 5,
    received: null,
    failover: { possible: true, reason: '' },
    explanation: `says ${host}`,
  } as const;
  return {
    overview: overview(host, { database }, after),
    rates: ratesBetween(figures(0, { router: router(0) }), after),
  };
}

export function report(name: string, more: Partial<MemberReport> = {}): MemberReport {
  return {
    member: name,
    markerEpoch: 7,
    up: true,
    writable: name === 'server-1',
    received: [{ domain: 0, server: 1, sequence: 9 }],
    applied: [],
    following: name === 'server-1' ? null : 'server-1',
    sqlRunning: true,
    acknowledging: true,
    sourceOn: true,
    flushes: true,
    syncSeen: 1,
    storeWentBack: false,
    problem: null,
    ...more,
  };
}

/** All is well: server-1 leads epoch 7, server-2 is its sync standby, lb-1 holds the address. */
export function healthy(): Inputs {
  return {
    config,
    nowMs: 10_000,
    cluster: {
      stackId: '00',
      revision: 1,
      leader: { holder: 'server-1', createRevision: 7, lease: '1' },
      sync: {
        leader: 'server-1',
        epoch: 7,
        members: ['server-1', 'server-2'],
        joining: null,
        mayAcknowledge: ['server-2'],
        modRevision: 3,
      },
      members: { 'server-1': report('server-1'), 'server-2': report('server-2') },
      history: [],
      request: null,
      maintenance: false,
    },
    history: [{ epoch: 7, holder: 'server-1', start: [], atMs: 5, rule: 41, sentence: 'opens' }],
    maintenance: null,
    quorum: true,
    seen: new Map([
      ['lb-1', balancer('lb-1', [40, 20], ['10.77.0.100'])],
      ['lb-2', balancer('lb-2', [0, 0], [])],
      ['server-1', member('server-1', null)],
      ['server-2', member('server-2', 0.4)],
    ]),
    pending: new Set(),
  };
}
