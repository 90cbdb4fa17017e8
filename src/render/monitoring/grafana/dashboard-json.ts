/** Dashboards as Grafana (9 and later) imports them. https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/ */
import type { Dashboard, Panel } from './panels.ts';

const columns = 24;
const stat = { width: 6, height: 4 };
const chart = { width: 12, height: 8 };
const datasource = { type: 'prometheus', uid: '$' + '{datasource}' };

export function dashboardJson({ name, title, panels }: Dashboard): string {
  const json = {
    uid: name,
    title,
    tags: ['tandem'],
    timezone: 'browser',
    schemaVersion: 37,
    version: 1,
    editable: true,
    refresh: '30s',
    time: { from: 'now-3h', to: 'now' },
    templating: {
      list: [{ name: 'datasource', label: 'Prometheus', type: 'datasource', query: 'prometheus' }],
    },
    annotations: { list: [newPrimaries] },
    panels: places(panels).map(({ panel, gridPos }, index) => panelJson(panel, index + 1, gridPos)),
  };
  return `${JSON.stringify(json, null, 2)}\n`;
}

/** A line on every chart where the database got a new primary. */
const newPrimaries = {
  name: 'New primary',
  datasource,
  enable: true,
  iconColor: 'orange',
  expr: 'changes(max(tandem_database_epoch)[2m:30s]) > 0',
  titleFormat: 'New primary',
};

interface Place {
  readonly x: number;
  readonly y: number;
  readonly w: number;
  readonly h: number;
}

/** From left to right, a new line when one is full. */
function places(panels: readonly Panel[]): readonly { panel: Panel; gridPos: Place }[] {
  let [x, y, lineHeight] = [0, 0, 0];
  return panels.map((panel) => {
    const { width, height } = panel.kind === 'stat' ? stat : chart;
    if (x + width > columns) [x, y, lineHeight] = [0, y + lineHeight, 0];
    const gridPos = { x, y, w: width, h: height };
    x += width;
    lineHeight = Math.max(lineHeight, height);
    return { panel, gridPos };
  });
}

function panelJson({ kind, title, description, unit, queries }: Panel, id: number, gridPos: Place) {
  return {
    id,
    type: kind,
    title,
    description,
    datasource,
    gridPos,
    fieldConfig: { defaults: { unit, ...(unit === 'percentunit' ? { min: 0 } : {}) }, overrides: [] },
    options: kind === 'stat' ? statOptions : chartOptions,
    targets: queries.map(({ expression, legend }, index) => ({
      refId: String.fromCharCode(65 + index),
      datasource,
      expr: expression,
      legendFormat: legend,
      instant: kind === 'stat',
      range: kind !== 'stat',
    })),
  };
}

const statOptions = { textMode: 'auto', reduceOptions: { calcs: ['lastNotNull'] } };
const chartOptions = { legend: { displayMode: 'list', placement: 'bottom' }, tooltip: { mode: 'multi' } };
