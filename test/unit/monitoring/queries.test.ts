/** What alerts and dashboards ask for is kept; the dashboards in docs are as generated. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { dashboardJson } from '#src/render/monitoring/grafana/dashboard-json.ts';
import { dashboards } from '#src/render/monitoring/grafana/panels.ts';
import { keptSeries } from '#src/render/monitoring/kept-series.ts';
import { recordings, seenRecordings } from '#src/render/monitoring/rules/recording.ts';
import { alertsOf } from '#src/render/monitoring/rules/rule-file.ts';
import { monitoringOf } from '#src/topology/monitoring.ts';
import { referenceSpec } from '#test/fixtures/spec.ts';
import { metricNames } from '#test/support/metric-names.ts';

const spec = referenceSpec({ monitoring: {} });
const monitoring = monitoringOf(spec);
if (monitoring === undefined) throw new Error('the reference stack has monitoring');
const recorded = [...recordings(monitoring), ...seenRecordings()];
const known = new Set(['up', 'ALERTS', ...recorded.map(({ record }) => record)]);
const kept = Object.values(keptSeries)
  .flat()
  .map((pattern) => new RegExp(`^(?:${pattern})$`));

const isThere = (name: string) => known.has(name) || kept.some((pattern) => pattern.test(name));

describe('every metric', () => {
  const asked: readonly (readonly [string, string])[] = [
    ...alertsOf(spec, monitoring).map(({ name, expression }) => [name, expression] as const),
    ...recorded.map(({ record, expr }) => [record, expr] as const),
    ...dashboards.flatMap(({ panels }) =>
      panels.flatMap(({ title, queries }) => queries.map(({ expression }) => [title, expression] as const)),
    ),
  ];

  it.each(asked)('of %s is kept', (_name, expression) => {
    const names = metricNames(expression);
    expect(names.length).toBeGreaterThan(0);
    expect(names.filter((name) => !isThere(name))).toEqual([]);
  });

  it('is found missing when it is', () => {
    expect(metricNames('sum by (x) (rate(no_such_metric{a="b"}[5m])) > 1')).toEqual(['no_such_metric']);
    expect(isThere('no_such_metric')).toBe(false);
  });
});

describe('the dashboards for Grafana', () => {
  it.each(dashboards)(
    '$name is as its source makes it (sh scripts/node.sh scripts/generate-docs.ts)',
    (dashboard) => {
      const path = join(import.meta.dirname, '../../../docs/grafana', `${dashboard.name}.json`);
      expect(readFileSync(path, 'utf8')).toBe(dashboardJson(dashboard));
    },
  );

  it('have panels that do not overlap, with ids of their own', () => {
    for (const dashboard of dashboards) {
      const { panels } = JSON.parse(dashboardJson(dashboard)) as {
        panels: { id: number; gridPos: { x: number; y: number; w: number; h: number } }[];
      };
      expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
      const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
        Array.from({ length: w * h }, (_, cell) => `${x + (cell % w)},${y + Math.floor(cell / w)}`),
      );
      expect(new Set(cells).size).toBe(cells.length);
    }
  });
});
