/** `systemctl show` as systemd 252 prints it, read. */
import { expect, it } from 'vitest';
import { parseShow } from '#src/adapters/systemd/units.ts';

const unit = (values: Record<string, string | number>) =>
  Object.entries({
    Id: 'tandem-app-1.service',
    LoadState: 'loaded',
    ActiveState: 'active',
    SubState: 'running',
    Result: 'success',
    MainPID: 0,
    NRestarts: 0,
    ExecMainCode: 0,
    ExecMainStatus: 0,
    StateChangeTimestampMonotonic: 5_000_000,
    ...values,
  })
    .map(([name, value]) => `${name}=${value}`)
    .join('\n');

const read = (...units: readonly Record<string, string | number>[]) =>
  parseShow(`${units.map(unit).join('\n\n')}\n`, {
    bootMs: 1_000,
    notes: (service) => (service === 'app-1' ? { definition: 'd', configuration: 'c' } : {}),
  });

it('names, process, time and notes of a running unit', () => {
  expect(read({ MainPID: 42, NRestarts: 1 })).toEqual([
    {
      name: 'app-1',
      state: 'running',
      pid: 42,
      sinceMs: 6_000,
      restarts: 1,
      definition: 'd',
      configuration: 'c',
      reason: null,
    },
  ]);
});

it('what ran once and holds is done; what was never started has no notes', () => {
  const [firewall, stopped] = read(
    { Id: 'tandem-firewall.service', SubState: 'exited' },
    { Id: 'tandem-mariadb.service', ActiveState: 'inactive', SubState: 'dead' },
  );
  expect(firewall).toMatchObject({ name: 'firewall', state: 'done', pid: null, reason: null });
  expect(stopped).toMatchObject({ state: 'stopped', definition: null, reason: 'not running' });
});

it.each([
  [{ ActiveState: 'activating', SubState: 'start-post', MainPID: 7 }, 'starting', 'not running'],
  [
    {
      ActiveState: 'activating',
      SubState: 'auto-restart',
      NRestarts: 2,
      Result: 'exit-code',
      ExecMainCode: 1,
      ExecMainStatus: 3,
    },
    'starting',
    'ended with code 3',
  ],
  [
    {
      ActiveState: 'activating',
      SubState: 'auto-restart',
      NRestarts: 9,
      Result: 'signal',
      ExecMainCode: 2,
      ExecMainStatus: 9,
    },
    'crash-loop',
    'was ended by signal 9',
  ],
  [
    { ActiveState: 'failed', SubState: 'failed', Result: 'timeout' },
    'failed',
    'was not ready, or not ended, in its time',
  ],
  [
    { ActiveState: 'failed', SubState: 'failed', Result: 'exit-code' },
    'failed',
    'could not start (exit-code)',
  ],
] as const)('%j is %s: %s', (values, state, reason) => {
  expect(read(values)).toMatchObject([{ state, reason }]);
});

it('other units and units that are not there are left out', () => {
  expect(read({ Id: 'haproxy.service' }, { LoadState: 'not-found' })).toEqual([]);
  expect(parseShow('', { bootMs: 0, notes: () => ({}) })).toEqual([]);
});
