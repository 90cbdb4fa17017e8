/** Which series stand on which chart; pure. */
import type { Metrics } from '../../api/schemas.ts';
import { milliseconds, percent, rate } from '../format.ts';

type Series = Metrics['series'][number];

export interface ChartSpec {
  readonly title: string;
  /** Names of series, in the order in which they are drawn. */
  readonly names: readonly string[];
  readonly value: (value: number) => string;
  /** Of the vertical axis at least. */
  readonly atLeast: number;
}

export const charts: readonly ChartSpec[] = [
  {
    title: 'Requests per second',
    names: ['requests', 'errors'],
    value: (value) => `${rate(value)}/s`,
    atLeast: 1,
  },
  { title: 'Time to answer', names: ['latency'], value: milliseconds, atLeast: 1 },
  { title: 'Statements per second', names: ['statements'], value: (value) => `${rate(value)}/s`, atLeast: 1 },
  { title: 'Replication lag', names: ['lag'], value: (value) => `${value.toFixed(1)} s`, atLeast: 1 },
  { title: 'Connections', names: ['connections'], value: (value) => String(Math.round(value)), atLeast: 5 },
  { title: 'Load of each core', names: ['load'], value: percent, atLeast: 1 },
  { title: 'Memory in use', names: ['memory'], value: percent, atLeast: 1 },
  { title: 'Disk in use', names: ['disk'], value: percent, atLeast: 1 },
];

export function seriesOf(spec: ChartSpec, metrics: Metrics): readonly Series[] {
  return spec.names.flatMap((name) => metrics.series.filter((series) => series.name === name));
}

export function nameOf({ name, label }: Series): string {
  if (label === '') return name === 'requests' ? 'all' : name;
  return label;
}

/** A sentence for who can't see the chart. */
export function summaryOf(spec: ChartSpec, series: readonly Series[]): string {
  const parts = series.map((one) => {
    const known = one.values.filter((value) => value !== null);
    if (known.length === 0) return `${nameOf(one)}: nothing known`;
    const last = known.at(-1) ?? 0;
    return `${nameOf(one)}: now ${spec.value(last)}, most ${spec.value(Math.max(...known))}`;
  });
  return `${spec.title}. ${parts.join('; ')}.`;
}
