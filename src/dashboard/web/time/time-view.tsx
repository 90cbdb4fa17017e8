/** Latency, throughput, errors, lag and saturation over time, with what happened on the same axis. */
import type { ComponentType } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { Metrics } from '../../api/schemas.ts';
import { ask, leaveIfOver } from '../api.ts';
import { clock } from '../format.ts';
import type { Live } from '../live.ts';
import type { Chart as ChartComponent } from './chart.tsx';
import { charts, seriesOf } from './charts.ts';

const ranges = [
  { title: '5 min', ms: 300_000 },
  { title: '15 min', ms: 840_000 },
  { title: '1 h', ms: 3_600_000 },
  { title: '6 h', ms: 21_600_000 },
  { title: '24 h', ms: 86_400_000 },
  { title: '7 days', ms: 604_800_000 },
] as const;

type Chart = ComponentType<Parameters<typeof ChartComponent>[0]>;

/** The chart library comes when it is needed: the map does without. */
function useChart(): Chart | undefined {
  const [chart, setChart] = useState<{ Chart: Chart }>();
  useEffect(() => {
    void import('./chart.tsx').then(({ Chart }) => setChart({ Chart }));
  }, []);
  return chart?.Chart;
}

function useMetrics(rangeMs: number): { metrics: Metrics | undefined; error: string | undefined } {
  const [metrics, setMetrics] = useState<Metrics>();
  const [error, setError] = useState<string>();
  useEffect(() => {
    let isGone = false;
    const load = async () => {
      const to = Date.now();
      try {
        const path = `/metrics?from=${to - rangeMs}&to=${to}&points=300`;
        const next = await ask<Metrics>(path, { isPassive: true });
        if (isGone) return;
        setMetrics(next);
        setError(undefined);
      } catch (cause) {
        if (!leaveIfOver(cause) && !isGone) setError((cause as Error).message);
      }
    };
    void load();
    const timer = setInterval(() => !document.hidden && void load(), rangeMs <= 900_000 ? 2_000 : 15_000);
    return () => {
      isGone = true;
      clearInterval(timer);
    };
  }, [rangeMs]);
  return { metrics, error };
}

export function TimeView(_props: Live) {
  const [rangeMs, setRange] = useState<number>(ranges[0].ms);
  const { metrics, error } = useMetrics(rangeMs);
  const Chart = useChart();
  return (
    <div class="time">
      <fieldset class="ranges">
        <legend class="visually-hidden">Time range</legend>
        {ranges.map(({ title, ms }) => (
          <label key={title}>
            <input type="radio" name="range" checked={ms === rangeMs} onChange={() => setRange(ms)} />
            <span>{title}</span>
          </label>
        ))}
      </fieldset>
      {error !== undefined && <p class="problems">{error}</p>}
      {metrics === undefined || Chart === undefined ? (
        <p class="soft pad">Reading …</p>
      ) : (
        <>
          <p class="soft">
            {metrics.source === 'memory'
              ? `From the memory of the dashboard that answers: since it began, six hours at most.`
              : 'From Prometheus.'}
          </p>
          <div class="charts">
            {charts
              .filter((spec) => seriesOf(spec, metrics).length > 0)
              .map((spec) => (
                <Chart key={spec.title} spec={spec} metrics={metrics} />
              ))}
          </div>
          <Marks marks={metrics.marks} />
        </>
      )}
    </div>
  );
}

function Marks({ marks }: Pick<Metrics, 'marks'>) {
  if (marks.length === 0) return <p class="soft">Nothing happened in this time.</p>;
  const signs = { failover: '┃ failover', deploy: '┊ deploy', act: '┆ act', alert: '╏ alert' };
  return (
    <section class="panel">
      <h2>Marked in the charts</h2>
      <ol class="steps">
        {marks
          .toSorted((a, b) => b.atMs - a.atMs)
          .slice(0, 50)
          .map(({ atMs, kind, text }, index) => (
            <li key={`${atMs} ${index}`}>
              <time>{clock(atMs)}</time>
              <span class="step-host">{signs[kind]}</span>
              <span>{text}</span>
            </li>
          ))}
      </ol>
    </section>
  );
}
