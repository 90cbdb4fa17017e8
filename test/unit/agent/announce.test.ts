import { expect, it } from 'vitest';
import { announcements } from '#src/agent/ha/announce.ts';
import type { Cluster, Sync } from '#src/ha/keys.ts';
import { type Config, type Event, initialState, type State } from '#src/ha/state.ts';

const config = { self: 'a', members: ['a', 'b'] } as unknown as Config;

function state(sync: Partial<Sync>): State {
  const value = { sync: { joining: null, mayAcknowledge: [], ...sync } } as unknown as Cluster;
  return { ...initialState(config), cluster: { value, sentAt: 0 } };
}

const tick: Event = { type: 'tick', now: 1 };
const opened = { type: 'done', outcome: 'ok', effect: { kind: 'openServer' } } as unknown as Event;
const alone = state({ epoch: 7, leader: 'a', members: ['a'] });
const withStandby = state({ epoch: 7, leader: 'a', members: ['a', 'b'] });
const followed = state({ epoch: 8, leader: 'b', members: ['b'] });

it('tells of a promotion once, and only when the server has opened', () => {
  expect(announcements(alone, tick, alone, 0)).toEqual([]);
  expect(announcements(alone, opened, alone, 0)).toEqual([{ hook: 'onPromote', epoch: 7, details: {} }]);
  expect(announcements(alone, opened, alone, 7)).toEqual([]);
  expect(announcements(followed, opened, followed, 0)).toEqual([]);
});

it('tells the primary of a standby that was lost and found, and of its own end', () => {
  expect(announcements(withStandby, tick, alone, 7)).toEqual([
    { hook: 'onDegrade', epoch: 7, details: { lost: 'b' } },
  ]);
  expect(announcements(alone, tick, withStandby, 7)).toEqual([
    { hook: 'onSync', epoch: 7, details: { standby: 'b' } },
  ]);
  expect(announcements(withStandby, tick, followed, 7)).toEqual([
    { hook: 'onDemote', epoch: 8, details: { primary: 'b' } },
  ]);
});
