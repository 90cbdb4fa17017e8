/** What is remembered of workers that are gone, so that no total of the router ever falls. */
import type { MetricValues } from '../operation/metrics.ts';

/** What the main process counts. */
export class WholeCounts {
  reloads = 0;
  /** Workers that ended and weren't asked to. */
  crashes = 0;
  /** Sessions of workers that were asked to end: closed without a loss, and cut. */
  drainedSessions = 0;
  cutSessions = 0;
  /** Clients that the main process refused, because there were too many. */
  refused = 0;
}

const mostApart = 8;

export class PastMetrics {
  readonly counts = new WholeCounts();
  readonly #over = new WeakSet<object>();
  /** Totals, of each or of several together. */
  #ended: (readonly MetricValues[])[] = [];
  readonly #seen = new WeakMap<object, readonly MetricValues[]>();

  /** What a worker has told; if it crashes, that is all there is. */
  seen(worker: object, metrics: readonly MetricValues[]): void {
    this.#seen.set(worker, metrics);
  }

  /** It is gone; with `undefined` what it told last counts. Once for each. */
  ends(worker: object, last: readonly MetricValues[] | undefined): void {
    const metrics = last ?? this.#seen.get(worker);
    if (metrics === undefined || this.#over.has(worker)) return;
    this.#over.add(worker);
    this.#ended.push(totalsOf(metrics));
  }

  /** All that is remembered, and what the main process counts as workers do. */
  async totals(): Promise<readonly (readonly MetricValues[])[]> {
    if (this.#ended.length > mostApart) {
      const { together } = await import('./whole-metrics.ts');
      this.#ended = [await together(this.#ended.splice(0))];
    }
    const values = [{ labels: { kind: 'too many connections' }, value: this.counts.refused }];
    const help = 'Clients that were refused.';
    return [
      ...this.#ended,
      [{ name: 'tandem_router_errors_total', help, type: 'counter', aggregator: 'sum', values }],
    ];
  }
}

/** What is left to count of a worker that is gone: what it had at the moment is nobody's. */
function totalsOf(metrics: readonly MetricValues[]): readonly MetricValues[] {
  return metrics.filter(({ type }) => type === 'counter' || type === 'histogram');
}
