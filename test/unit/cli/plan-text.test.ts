import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import { renderPlan, reportOf } from '#src/cli/plan-text.ts';
import type { Growth } from '#src/plan/growth.ts';
import type { HostPlan, Step } from '#src/plan/plan.ts';

const still: Growth = {
  ...{ joining: [], leaving: [], gone: [] },
  ...{ withNewcomers: undefined, withLeavers: undefined },
};
const file = '/etc/tandem/haproxy/haproxy.cfg';
const changed: Step = { kind: 'file', path: file, change: 'changed', secret: false, service: 'haproxy' };
const reload: Step = {
  kind: 'service',
  action: 'reload',
  service: 'haproxy',
  reason: 'its configuration changed',
};
const plan = (host: string, ...steps: readonly Step[]): HostPlan => ({ host, steps, write: [], remove: [] });
const lines = ['@@ -1,1 +1,1 @@', '-weight 1', '+weight 2'];
const render = (...parameters: Parameters<typeof renderPlan>) =>
  stripVTControlCharacters(renderPlan(...parameters)).split('\n');

describe('a plan as text', () => {
  it('shows a change that two hosts have in common once', () => {
    const diffs = new Map(['lb-1', 'lb-2'].map((host) => [host, new Map([[file, lines]])]));
    expect(render(still, [plan('lb-1', changed, reload), plan('lb-2', changed, reload)], diffs, 20)).toEqual([
      ...['lb-1', `  change ${file}`, '      @@ -1,1 +1,1 @@', '      -weight 1', '      +weight 2'],
      '  reload haproxy (its configuration changed)',
      '',
      ...['lb-2', `  change ${file}`, '      as on lb-1', '  reload haproxy (its configuration changed)'],
      '',
    ]);
  });

  it('says how much it leaves out', () => {
    const text = render(
      still,
      [plan('lb-1', changed, reload)],
      new Map([['lb-1', new Map([[file, lines]])]]),
      1,
    );
    expect(text).toContain("      and 2 more lines: 'tandem plan --full'");
    expect(text).not.toContain('      -weight 1');
  });

  it('tells a file that no service is touched for', () => {
    expect(render(still, [plan('lb-1', changed)], new Map(), 20)).toContain(
      `  change ${file} (nothing has to notice)`,
    );
  });

  it('begins with hosts that come and go', () => {
    const moves: Growth = {
      ...still,
      joining: [{ host: 'server-3', roles: ['web', 'database'] }],
      leaving: [{ host: 'server-1', roles: ['web'] }],
    };
    expect(render(moves, [], new Map(), 20).slice(0, 2)).toEqual([
      'server-3 joins: web, database',
      'server-1 gives up: web',
    ]);
  });

  it('has the diff of each file in its report, and null for what is not shown', () => {
    const secret: Step = { ...changed, path: '/etc/tandem/key', secret: true };
    const report = reportOf(
      still,
      [plan('lb-1', changed, secret)],
      new Map([['lb-1', new Map([[file, lines]])]]),
    );
    expect(report.hosts[0]?.steps).toEqual([
      { ...changed, diff: lines },
      { ...secret, diff: null },
    ]);
  });
});
