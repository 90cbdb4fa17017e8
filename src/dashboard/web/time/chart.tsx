/** One chart on a canvas (uPlot), drawn anew when its data or the theme changes. */
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import type { Metrics } from '../../api/schemas.ts';
import { type ChartSpec, nameOf, seriesOf, summaryOf } from './charts.ts';

const height = 170;
/** Cursors of all charts move together. */
const together = uPlot.sync('time');

export function Chart({ spec, metrics }: { spec: ChartSpec; metrics: Metrics }) {
  const element = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);
  const series = seriesOf(spec, metrics);
  const shape = series.map(nameOf).join(' ');
  const marks = useRef(metrics.marks);
  marks.current = metrics.marks;
  const data: uPlot.AlignedData = [
    metrics.times.map((time) => time / 1_000),
    ...series.map(({ values }) => values),
  ];
  const latest = useRef(data);
  latest.current = data;

  // A new plot only when there are other series: data alone is exchanged in place.
  useEffect(() => {
    const target = element.current;
    if (target === null) return;
    const make = () => {
      plot.current?.destroy();
      plot.current = new uPlot(
        optionsOf(spec, series, target.clientWidth, () => marks.current),
        latest.current,
        target,
      );
    };
    make();
    const resized = new ResizeObserver(() => plot.current?.setSize({ width: target.clientWidth, height }));
    resized.observe(target);
    const themed = new MutationObserver(make);
    themed.observe(document.documentElement, { attributes: true, attributeFilter: ['data-theme'] });
    const scheme = matchMedia('(prefers-color-scheme: dark)');
    scheme.addEventListener('change', make);
    return () => {
      resized.disconnect();
      themed.disconnect();
      scheme.removeEventListener('change', make);
      plot.current?.destroy();
      plot.current = undefined;
    };
  }, [spec, shape]);

  useEffect(() => {
    plot.current?.setData(data);
  });

  return (
    <figure class="chart">
      <figcaption>{spec.title}</figcaption>
      <div ref={element} role="img" aria-label={summaryOf(spec, series)} />
    </figure>
  );
}

function color(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function optionsOf(
  spec: ChartSpec,
  series: ReturnType<typeof seriesOf>,
  width: number,
  marks: () => Metrics['marks'],
): uPlot.Options {
  const axis = {
    stroke: color('--soft'),
    grid: { stroke: color('--line'), width: 1 },
    ticks: { show: false },
  };
  const ink = (index: number, name: string) =>
    name === 'errors' ? '--bad-text' : `--series-${(index % 6) + 1}`;
  return {
    width,
    height,
    cursor: { sync: { key: together.key }, points: { size: 6 } },
    legend: { live: true },
    scales: { y: { range: (_plot, _min, max) => [0, Math.max(spec.atLeast, (max ?? 0) * 1.1)] } },
    axes: [
      { ...axis, space: 70, size: 30, values: clockValues },
      { ...axis, size: 62, values: (_plot, values) => values.map(spec.value) },
    ],
    series: [
      {
        label: 'time',
        value: (_plot, value) => (value == null ? '–' : new Date(value * 1_000).toLocaleTimeString('en-GB')),
      },
      ...series.map((one, index) => ({
        label: nameOf(one),
        stroke: color(ink(index, one.name)),
        width: 1.5,
        // Not by colour alone: each line has a rhythm of its own.
        ...(index % 3 === 0 ? {} : { dash: index % 3 === 1 ? [6, 3] : [2, 3] }),
        points: { show: false },
        spanGaps: false,
        value: (_plot: uPlot, value: number | null) => (value == null ? '–' : spec.value(value)),
      })),
    ],
    hooks: { draw: [(plot) => drawMarks(plot, marks())] },
  };
}

function clockValues(_plot: uPlot, values: number[]): string[] {
  const seconds = values.length > 1 && (values[1] ?? 0) - (values[0] ?? 0) < 60;
  return values.map((value) => new Date(value * 1_000).toLocaleTimeString('en-GB').slice(0, seconds ? 8 : 5));
}

/** Not by colour alone. */
const dashes = { failover: [], deploy: [2, 2], alert: [10, 4], act: [3, 4] };
const inks = { failover: '--bad-text', deploy: '--accent', alert: '--warn-text', act: '--soft' };

/** Failovers, deploys, alerts and acts as lines over the whole height. */
function drawMarks(plot: uPlot, marks: Metrics['marks']): void {
  const { ctx } = plot;
  const { left, top, width, height: tall } = plot.bbox;
  ctx.save();
  for (const { atMs, kind } of marks) {
    const x = Math.round(plot.valToPos(atMs / 1_000, 'x', true));
    if (x < left || x > left + width) continue;
    ctx.strokeStyle = color(inks[kind]);
    ctx.setLineDash(dashes[kind]);
    ctx.lineWidth = devicePixelRatio;
    ctx.beginPath();
    ctx.moveTo(x, top);
    ctx.lineTo(x, top + tall);
    ctx.stroke();
  }
  ctx.restore();
}
