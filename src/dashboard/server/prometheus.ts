/**
 * The time view from Prometheus, whichever of the monitoring hosts answers (prometheus.io/docs/prometheus/latest/querying/api).
 * Every series has its query here; what Prometheus does not have is left out.
 */
import { Agent, request } from 'node:https';
import { z } from 'zod';
import type { TlsFiles } from '#src/adapters/etcd/transport.ts';
import type { Metrics, Range } from '../api/schemas.ts';
import { type AlertRuns, type AlertSource, alertMarks, alertsFiring } from './alert-marks.ts';
import type { MetricsSource } from './recorder.ts';

type Unit = Metrics['series'][number]['unit'];

interface Query {
  readonly name: string;
  readonly unit: Unit;
  /** `window`: a range that holds several scrapes. */
  readonly expression: (window: string) => string;
  /** The label that tells its series apart; none: there is one. */
  readonly label?: string;
}

const site = '{proxy="https"}';

export const queries: readonly Query[] = [
  {
    name: 'requests',
    unit: 'perSecond',
    expression: (window) => `sum(rate(haproxy_frontend_http_requests_total${site}[${window}]))`,
  },
  {
    name: 'errors',
    unit: 'perSecond',
    expression: (window) =>
      `sum(rate(haproxy_frontend_http_responses_total{proxy="https",code="5xx"}[${window}]))`,
  },
  {
    name: 'requests',
    unit: 'perSecond',
    label: 'server',
    expression: (window) =>
      `sum by (server) (rate(haproxy_server_http_responses_total{proxy=~"web|web-weighted"}[${window}]))`,
  },
  {
    name: 'latency',
    unit: 'ms',
    label: 'server',
    expression: () =>
      'max by (server) (haproxy_server_total_time_average_seconds{proxy=~"web|web-weighted"}) * 1000',
  },
  {
    name: 'statements',
    unit: 'perSecond',
    label: 'member',
    expression: (window) => `sum by (member) (rate(tandem_router_statements_total[${window}]))`,
  },
  {
    name: 'lag',
    unit: 'seconds',
    label: 'member',
    expression: () => 'max by (member) (tandem_router_member_lag_seconds)',
  },
  {
    name: 'connections',
    unit: 'count',
    label: 'instance',
    expression: () => `sum by (instance) (haproxy_frontend_current_sessions${site})`,
  },
  {
    name: 'load',
    unit: 'share',
    label: 'instance',
    expression: () =>
      'max by (instance) (node_load1) / count by (instance) (node_cpu_seconds_total{mode="idle"})',
  },
  {
    name: 'memory',
    unit: 'share',
    label: 'instance',
    expression: () => 'max by (instance) (1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes)',
  },
  {
    name: 'disk',
    unit: 'share',
    label: 'instance',
    expression: () => 'max by (instance) (1 - tandem_disk_available_bytes / tandem_disk_size_bytes)',
  },
];

const answerSchema = z.object({
  status: z.literal('success'),
  data: z.object({
    resultType: z.literal('matrix'),
    result: z.array(
      z.object({
        metric: z.record(z.string(), z.string()),
        values: z.array(z.tuple([z.number(), z.string()])),
      }),
    ),
  }),
});

const timeoutMs = 4_000;
const maxAnswerBytes = 16 * 1024 * 1024;
/** Finer than that it scrapes nothing. */
const leastStepMs = 15_000;

export class PrometheusSource implements MetricsSource, AlertSource {
  readonly #endpoints: readonly string[];
  readonly #tls: TlsFiles;
  readonly #connections = new Agent({ keepAlive: true, maxSockets: 4 });

  /** `endpoints`: `https://ADDRESS:PORT`, of Prometheuses that each see everything. */
  constructor(endpoints: readonly string[], tls: TlsFiles) {
    this.#endpoints = endpoints;
    this.#tls = tls;
  }

  /** Rejects when none of them answers. */
  query(range: Range): Promise<Omit<Metrics, 'marks'>> {
    return this.#first((endpoint) => this.#queryOne(endpoint, range));
  }

  /** Alerts that began to fire in this range. Rejects when none of them answers. */
  alerts(range: Range): Promise<Metrics['marks']> {
    return this.#first(async (endpoint) => {
      const { stepMs, times } = axisOf(range);
      // One step more: what fired before the range did not begin in it.
      const before = [(times[0] ?? range.from) - stepMs, ...times];
      const result = await this.#matrix(endpoint, alertsFiring, before);
      const runs: AlertRuns = result.map(({ metric, values }) => ({
        labels: metric,
        times: values.map(([seconds]) => Math.round(seconds * 1_000)),
      }));
      return alertMarks(runs, { firstMs: before[0] ?? 0, lastMs: before.at(-1) ?? 0, stepMs });
    });
  }

  async #first<T>(ask: (endpoint: string) => Promise<T>): Promise<T> {
    let last: unknown = new Error('there is no Prometheus');
    for (const endpoint of this.#endpoints) {
      try {
        return await ask(endpoint);
      } catch (error) {
        last = error;
      }
    }
    throw last;
  }

  async #queryOne(endpoint: string, range: Range): Promise<Omit<Metrics, 'marks'>> {
    const { stepMs, times } = axisOf(range);
    const window = `${Math.max(60, Math.round((2 * stepMs) / 1_000))}s`;
    const series = await Promise.all(
      queries.map(async (query) => {
        const result = await this.#matrix(endpoint, query.expression(window), times);
        return result.map(({ metric, values }) => ({
          name: query.name,
          label: query.label === undefined ? '' : (metric[query.label] ?? ''),
          unit: query.unit,
          values: aligned(values, times),
        }));
      }),
    );
    return { source: 'prometheus', stepMs, times, series: series.flat() };
  }

  async #matrix(endpoint: string, expression: string, times: readonly number[]) {
    const [first = 0, second = first + leastStepMs] = times;
    const parameters = new URLSearchParams({
      query: expression,
      start: String(first / 1_000),
      end: String((times.at(-1) ?? first) / 1_000),
      step: String((second - first) / 1_000),
    });
    return answerSchema.parse(JSON.parse(await this.#ask(endpoint, parameters))).data.result;
  }

  #ask(endpoint: string, parameters: URLSearchParams): Promise<string> {
    const { ca, certificate, key } = this.#tls;
    return new Promise((resolve, reject) => {
      const call = request(
        `${endpoint}/api/v1/query_range?${parameters}`,
        { agent: this.#connections, ca, cert: certificate, key, signal: AbortSignal.timeout(timeoutMs) },
        (answer) => {
          let text = '';
          answer.setEncoding('utf8');
          answer.on('data', (part: string) => {
            text += part;
            if (text.length > maxAnswerBytes) call.destroy(new Error('the answer is too long'));
          });
          answer.on('error', reject);
          answer.on('end', () =>
            answer.statusCode === 200
              ? resolve(text)
              : reject(new Error(`Prometheus answered ${answer.statusCode}`)),
          );
        },
      );
      call.on('error', reject);
      call.end();
    });
  }
}

/** The times of a range: whole steps, no finer than it scrapes. */
function axisOf({ from, to, points }: Range): { readonly stepMs: number; readonly times: number[] } {
  const stepMs = Math.max(leastStepMs, Math.ceil((to - from) / points / 1_000) * 1_000);
  const first = Math.floor(from / stepMs) * stepMs;
  const length = Math.floor((to - first) / stepMs) + 1;
  return { stepMs, times: Array.from({ length }, (_, at) => first + at * stepMs) };
}

/** Prometheus leaves out the times at which it knows nothing. */
function aligned(
  values: readonly (readonly [seconds: number, text: string])[],
  times: readonly number[],
): (number | null)[] {
  const known = new Map(values.map(([seconds, text]) => [Math.round(seconds * 1_000), Number(text)]));
  return times.map((time) => {
    const value = known.get(time);
    return value === undefined || !Number.isFinite(value) ? null : value;
  });
}
