import { describe, expect, it } from 'vitest';
import { type DataObservation, decideData } from '#src/agent/database/decide.ts';
import { emptyPosition } from '#src/gtid/position.ts';
import type { Cluster, MemberReport } from '#src/ha/keys.ts';

const base: DataObservation = {
  self: 'server-1',
  stackId: 'ours',
  members: ['server-1', 'server-2', 'server-3'],
  data: 'absent',
  marker: undefined,
  installedSeries: '10.11',
  dataSeries: undefined,
  initialize: 'none',
  cluster: 'unknown',
};
const ready = { stackId: 'ours', state: 'ready' } as const;
const creating = { stackId: 'ours', creator: 'server-1', state: 'creating' } as const;
const created = { stackId: 'ours', creator: 'server-1', state: 'created' } as const;

function report(member: string): MemberReport {
  return {
    member,
    markerEpoch: 7,
    up: true,
    writable: false,
    received: emptyPosition,
    applied: emptyPosition,
    following: 'server-1',
    sqlRunning: true,
    acknowledging: false,
    sourceOn: false,
    flushes: false,
    syncSeen: 0,
    storeWentBack: false,
    problem: null,
  };
}

/** A stack whose `sync` names these, the leader first. */
function cluster(members: readonly string[], reports: readonly string[] = []): Cluster {
  return {
    stackId: 'ours',
    revision: 9,
    leader: null,
    sync: {
      leader: members[0] ?? '',
      epoch: 7,
      members,
      joining: null,
      mayAcknowledge: [],
      modRevision: 8,
    },
    members: Object.fromEntries(reports.map((name) => [name, report(name)])),
    history: [],
    request: null,
    maintenance: false,
  };
}

function decided(change: Partial<DataObservation>): string {
  const action = decideData({ ...base, ...change });
  return `${action.kind}${action.kind === 'clone' ? ` from ${action.from}` : ''}: ${action.reason}`;
}

describe('a member without data', () => {
  it('claims the creation only as the first member, and only when the quorum says that nobody has', () => {
    expect(decided({})).toMatch(/^claim/);
    expect(decided({ self: 'server-2' })).toMatch(/^wait: server-1 creates/);
    expect(decided({ initialize: 'unknown' })).toMatch(/^wait: the quorum does not answer/);
  });

  it('creates when the record names it, and goes on with a creation that was cut short', () => {
    expect(decided({ initialize: creating })).toMatch(/^create/);
    const half = { ...ready, state: 'creating' } as const;
    expect(decided({ initialize: creating, marker: half })).toMatch(/^create/);
    expect(decided({ initialize: 'unknown', marker: half, data: 'present' })).toMatch(/^create/);
  });

  it('clones once the database is there, from a replica if there is one, whoever created it', () => {
    const there = { self: 'server-2', initialize: created } as const;
    expect(decided({ ...there, initialize: creating })).toMatch(/^wait/);
    expect(decided(there)).toMatch(/^wait: the quorum does not answer/);
    expect(decided({ ...there, cluster: cluster(['server-1']) })).toMatch(/^clone from server-1/);
    const withReplica = cluster(['server-1', 'server-3'], ['server-1', 'server-3']);
    expect(decided({ ...there, cluster: withReplica })).toMatch(/^clone from server-3/);
    expect(decided({ ...there, self: 'server-1', cluster: cluster(['server-2']) })).toMatch(
      /^clone from server-2/,
    );
  });

  it('takes remnants for no data: copied over once they are moved aside, never run on, never created over', () => {
    const left = { data: 'remnants', self: 'server-2', initialize: created, marker: ready } as const;
    expect(decided({ ...left, cluster: cluster(['server-1']) })).toMatch(/^clone from server-1: .*remnants/);
    expect(decided({ ...left, cluster: cluster(['server-1', 'server-2']) })).toMatch(/^wait: .*still counts/);
    expect(decided({ ...left, cluster: cluster(['server-2']) })).toMatch(/^refuse: .*data directory is gone/);
    expect(decided({ ...left, marker: undefined })).toMatch(/^refuse: .*did not make/);
  });

  it('never creates over a lost database, nor clones while it counts as one that has every write', () => {
    const lost = { initialize: created, marker: ready } as const;
    expect(decided({ ...lost, cluster: cluster(['server-1']) })).toMatch(/^refuse: .*data directory is gone/);
    expect(decided({ ...lost, cluster: cluster(['server-1', 'server-2']) })).toMatch(/^wait: .*still counts/);
    expect(decided({ ...lost, cluster: { ...cluster([]), sync: null } })).toMatch(/^refuse: etcd has lost/);
    expect(decided({ ...lost, initialize: 'unknown' })).toMatch(/^wait/);
  });
});

describe('a member with data', () => {
  const here = { data: 'present', marker: ready, dataSeries: '10.11' } as const;

  it('runs without asking the quorum', () => {
    expect(decided({ ...here, initialize: 'unknown' })).toMatch(/^run/);
    expect(decided({ ...here, initialize: 'unknown', marker: { ...ready, state: 'cloned' } })).toMatch(
      /^run/,
    );
  });

  it('refuses what is not proved to be its own', () => {
    expect(decided({ data: 'present' })).toMatch(/^refuse: .*did not make/);
    expect(decided({ ...here, marker: { ...ready, stackId: 'theirs' } })).toMatch(/^refuse: .*another stack/);
    expect(decided({ ...here, marker: 'damaged' })).toMatch(/^refuse: .*damaged/);
    expect(decided({ ...here, dataSeries: '10.6' })).toMatch(/^refuse: .*10\.6.*10\.11/);
    expect(decided({ initialize: { ...created, stackId: 'theirs' } })).toMatch(/^refuse: the quorum/);
  });
});
