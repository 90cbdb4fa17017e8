/** What is shown of a stack, from what etcd and the agents say. */
import { describe, expect, it } from 'vitest';
import { stateSchema } from '#src/dashboard/api/schemas.ts';
import { rate, ratesBetween } from '#src/dashboard/server/rates.ts';
import { Recorder } from '#src/dashboard/server/recorder.ts';
import { type Inputs, stackState } from '#src/dashboard/server/state.ts';
import { edgesOf } from '#src/dashboard/web/map/edges.ts';
import { layoutOf } from '#src/dashboard/web/map/layout.ts';
import { figures, healthy, report } from './fixtures.ts';

function withMembers(change: (inputs: Inputs) => Partial<NonNullable<Inputs['cluster']>>): Inputs {
  const inputs = healthy();
  if (inputs.cluster === null) throw new Error('no cluster');
  return { ...inputs, cluster: { ...inputs.cluster, ...change(inputs) } };
}

describe('a healthy stack', () => {
  const state = stackState(healthy());

  it('has no problems, and is as the API says', () => {
    expect(state.problems).toEqual([]);
    expect(state.healthy).toBe(true);
    expect(stateSchema.parse(state)).toEqual(state);
  });

  it('shows who is active, who leads, and what flows', () => {
    expect(state.balancers.map((one) => [one.host, one.state])).toEqual([
      ['lb-1', 'active'],
      ['lb-2', 'passive'],
    ]);
    expect(state.database).toMatchObject({ primary: 'server-1', epoch: 7, sinceMs: 5 });
    expect(state.database.members.map((one) => [one.host, one.role, one.sync])).toEqual([
      ['server-1', 'primary', false],
      ['server-2', 'replica', true],
    ]);
    expect(state.site.requestsPerSecond).toBe(30);
    expect(state.web.map((one) => [one.host, one.requestsPerSecond, one.weight])).toEqual([
      ['server-1', 20, 2],
      ['server-2', 10, 1],
    ]);
    expect(state.flows).toContainEqual({
      from: 'server-2',
      to: 'server-1',
      kind: 'statements',
      perSecond: 20,
    });
    expect(state.flows).toContainEqual({
      from: 'server-1',
      to: 'server-2',
      kind: 'replication',
      perSecond: null,
    });
  });
});

describe('what is wrong is said', () => {
  const problems = (inputs: Inputs) => stackState(inputs).problems.join('\n');

  it('when the primary is down', () => {
    const inputs = withMembers(({ cluster }) => ({
      leader: null,
      members: { ...cluster?.members, 'server-1': report('server-1', { up: false }) },
    }));
    expect(stackState(inputs).database.primary).toBeNull();
    expect(stackState(inputs).database.members[0]?.role).toBe('down');
    expect(problems(inputs)).toContain('The database has no primary');
  });

  it('when a report has expired with its lease', () => {
    const inputs = withMembers(({ cluster }) => ({
      members: { 'server-1': cluster?.members['server-1'] ?? report('server-1') },
    }));
    expect(stackState(inputs).database.members[1]?.role).toBe('unknown');
    expect(problems(inputs)).toContain('server-2: its agent does not report');
  });

  it('when nobody, or two, hold the address', () => {
    const inputs = healthy();
    const [one, two] = [inputs.seen.get('lb-1'), inputs.seen.get('lb-2')];
    if (one === undefined || two === undefined) throw new Error('no balancers');
    expect(problems({ ...inputs, seen: new Map(inputs.seen).set('lb-1', two) })).toContain(
      'Nobody holds 10.77.0.100',
    );
    expect(problems({ ...inputs, seen: new Map(inputs.seen).set('lb-2', one) })).toContain(
      'both hold 10.77.0.100',
    );
  });

  it('when a host does not answer, and not before it was asked', () => {
    const inputs = healthy();
    const seen = new Map(inputs.seen);
    seen.delete('server-2');
    expect(problems({ ...inputs, seen })).toContain('server-2: its agent does not answer');
    expect(problems({ ...inputs, seen, pending: new Set(['server-2']) })).toBe('');
  });

  it('when etcd is away or unreadable', () => {
    expect(problems({ ...healthy(), quorum: false })).toContain('may be old');
    expect(stackState({ ...healthy(), cluster: null }).database.primary).toBeNull();
  });
});

describe('rates', () => {
  it('begin anew with a counter', () => {
    expect(rate(100, 130, 2_000)).toBe(15);
    expect(rate(100, 10, 2_000)).toBe(5);
    expect(rate(undefined, 10, 2_000)).toBeNull();
    expect(rate(1, 10, 0)).toBeNull();
  });

  it('are unknown of what was not seen before', () => {
    expect(ratesBetween(undefined, figures(5)).siteRequests).toBeNull();
  });
});

describe('the memory of the time view', () => {
  const minuteMs = 60_000;

  it('gives back what it saw, leaves gaps, and forgets what is older than its rings', async () => {
    let nowMs = 1_000 * minuteMs;
    const recorder = new Recorder(() => nowMs);
    const state = stackState(healthy());
    const begunMs = nowMs;
    for (; nowMs < begunMs + 2 * minuteMs; nowMs += 1_000) recorder.record({ ...state, atMs: nowMs });
    const { series, times } = await recorder.query({ from: begunMs - minuteMs, to: nowMs, points: 300 });
    const all = series.find(({ name, label }) => name === 'requests' && label === '');
    expect(all?.values.length).toBe(times.length);
    const known = times.map((time, index) => [time, all?.values[index] ?? null] as const);
    expect(known.filter(([time]) => time < begunMs - 1_000).every(([, value]) => value === null)).toBe(true);
    expect(
      known.filter(([time]) => time >= begunMs && time < nowMs - 1_000).every(([, value]) => value === 30),
    ).toBe(true);
    nowMs += 7 * 60 * minuteMs;
    const later = await recorder.query({ from: nowMs - 6 * 60 * minuteMs, to: nowMs, points: 300 });
    expect(later.series.flatMap(({ values }) => values).every((value) => value === null)).toBe(true);
  });

  it('answers any range with a bounded number of points', async () => {
    const recorder = new Recorder(() => 10_000_000_000);
    recorder.record({ ...stackState(healthy()), atMs: 9_999_999_000 });
    const { times } = await recorder.query({
      from: 10_000_000_000 - 32 * 86_400_000,
      to: 10_000_000_000,
      points: 300,
    });
    expect(times.length).toBeLessThanOrEqual(302);
  });
});

describe('the map', () => {
  const state = stackState(healthy());

  it.each([320, 390, 768, 1_280, 3_840])('fits %i pixels, and nothing lies on anything else', (width) => {
    const { nodes, height } = layoutOf(state, width);
    expect(nodes.length).toBe(7);
    for (const node of nodes) {
      expect(node.x).toBeGreaterThanOrEqual(0);
      expect(node.x + node.width).toBeLessThanOrEqual(width);
      expect(node.y + node.height).toBeLessThanOrEqual(height);
      for (const other of nodes) {
        if (other === node) continue;
        const apart =
          node.x + node.width <= other.x ||
          other.x + other.width <= node.x ||
          node.y + node.height <= other.y ||
          other.y + other.height <= node.y;
        expect(apart, `${node.id} and ${other.id}`).toBe(true);
      }
    }
  });

  it('has an arrow for each way that something goes', () => {
    const edges = edgesOf(state, layoutOf(state, 1_280));
    const active = edges.filter(({ isActive }) => isActive).map(({ id }) => id);
    expect(active).toContain('holds 10.77.0.100 lb-1');
    expect(active).not.toContain('holds 10.77.0.100 lb-2');
    expect(active).toContain('replication server-1 server-2');
    expect(edges.find(({ id }) => id === 'requests lb-1 server-1')?.label?.text).toBe('20/s');
  });
});
