import { describe, expect, it } from 'vitest';
import { type DatabaseObservation, decideDatabase } from '#src/agent/database/decide.ts';
import { decideSync, type SyncObservation } from '#src/agent/database/sync.ts';

const base: DatabaseObservation = {
  self: 'server-1',
  stackId: 'ours',
  members: ['server-1', 'server-2'],
  data: 'absent',
  marker: undefined,
  installedSeries: '10.11',
  dataSeries: undefined,
  initialize: 'none',
  answering: false,
};
const ready = { stackId: 'ours', state: 'ready', primary: 'server-1' } as const;
const creating = { stackId: 'ours', creator: 'server-1', state: 'creating' } as const;
const created = { stackId: 'ours', creator: 'server-1', state: 'created' } as const;

function decided(change: Partial<DatabaseObservation>): string {
  const action = decideDatabase({ ...base, ...change });
  return `${action.kind}: ${action.reason}`;
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

  it('clones from the creator once the database is there', () => {
    expect(decided({ self: 'server-2', initialize: creating })).toMatch(/^wait/);
    expect(decided({ self: 'server-2', initialize: created })).toMatch(/^clone/);
    expect(decided({ self: 'server-2', initialize: created, marker: ready })).toMatch(/^clone/);
    // A later order of the stack file changes nothing about who leads.
    expect(decided({ self: 'server-1', initialize: { ...created, creator: 'server-2' } })).toMatch(/^clone/);
  });

  it('never creates over a lost database', () => {
    expect(decided({ initialize: created })).toMatch(/^refuse: .*data directory is gone/);
    expect(decided({ initialize: created, marker: ready })).toMatch(/^refuse/);
    expect(decided({ initialize: 'unknown', marker: ready })).toMatch(/^wait/);
  });
});

describe('a member with data', () => {
  const here = { data: 'present', marker: ready, dataSeries: '10.11' } as const;

  it('starts, leads and follows without asking the quorum', () => {
    expect(decided({ ...here, initialize: 'unknown' })).toMatch(/^start/);
    expect(decided({ ...here, initialize: 'unknown', answering: true })).toMatch(/^lead/);
    expect(decided({ ...here, self: 'server-2', initialize: 'unknown', answering: true })).toMatch(/^follow/);
  });

  it('refuses what is not proved to be its own', () => {
    expect(decided({ data: 'present' })).toMatch(/^refuse: .*did not make/);
    expect(decided({ ...here, marker: { ...ready, stackId: 'theirs' } })).toMatch(/^refuse: .*another stack/);
    expect(decided({ ...here, marker: 'damaged' })).toMatch(/^refuse: .*damaged/);
    expect(decided({ ...here, dataSeries: '10.6' })).toMatch(/^refuse: .*10\.6.*10\.11/);
    expect(decided({ initialize: { ...created, stackId: 'theirs' } })).toMatch(/^refuse: the quorum/);
  });
});

describe('waiting for acknowledgements', () => {
  const seen: SyncObservation = {
    mode: 'required',
    others: 1,
    enabled: true,
    wasEnabled: false,
    acknowledging: 1,
    aloneMs: 0,
    degradeAfterMs: 5_000,
  };

  it('begins with the first replica, and not before', () => {
    expect(decideSync({ ...seen, enabled: false, acknowledging: 0, aloneMs: 99_000 }).enabled).toBe(false);
    expect(decideSync({ ...seen, enabled: false })).toMatchObject({ enabled: true, degraded: false });
  });

  it('goes on through a restart of the server', () => {
    expect(decideSync({ ...seen, enabled: false, wasEnabled: true, acknowledging: 0 }).enabled).toBe(true);
  });

  it('ends after degradeAfter, unless strict', () => {
    expect(decideSync({ ...seen, acknowledging: 0, aloneMs: 4_999 }).enabled).toBe(true);
    expect(decideSync({ ...seen, acknowledging: 0, aloneMs: 5_000 })).toMatchObject({
      enabled: false,
      degraded: true,
    });
    expect(decideSync({ ...seen, mode: 'strict', acknowledging: 0, aloneMs: 99_000 }).enabled).toBe(true);
  });

  it('is off for async, and for a member without others', () => {
    expect(decideSync({ ...seen, mode: 'async' })).toMatchObject({ enabled: false, degraded: false });
    expect(decideSync({ ...seen, others: 0, acknowledging: 0 })).toMatchObject({
      enabled: false,
      degraded: false,
    });
  });
});
