/** Gauges and counters whose values are read when somebody asks; in Prometheus' text format. */
import { Counter, Gauge, Registry } from 'prom-client';

export type Labels = Readonly<Record<string, string>>;
export type Sample = readonly [labels: Labels, value: number];
/** Gives no sample where the value is unknown: a missing series says so, a zero would lie. */
export type Read = () => Iterable<Sample> | Promise<Iterable<Sample>>;

export const contentType = Registry.PROMETHEUS_CONTENT_TYPE;

/** What is asked for at a scrape: the reader's values of that moment. */
export class Readings {
  readonly #registry = new Registry();

  gauge(name: string, help: string, labelNames: readonly string[], read: Read): void {
    new Gauge({
      ...{ name, help, labelNames: [...labelNames], registers: [this.#registry] },
      collect() {
        return refill(this, labelNames, read, (labels, value) => this.set(labels, value));
      },
    });
  }

  counter(name: string, help: string, labelNames: readonly string[], read: Read): void {
    new Counter({
      ...{ name, help, labelNames: [...labelNames], registers: [this.#registry] },
      collect() {
        return refill(this, labelNames, read, (labels, value) => this.inc(labels, value));
      },
    });
  }

  text(): Promise<string> {
    return this.#registry.metrics();
  }
}

async function refill(
  metric: Gauge | Counter,
  labelNames: readonly string[],
  read: Read,
  put: (labels: Labels, value: number) => void,
): Promise<void> {
  const samples = await read();
  // Without a pause from here on: both Prometheus may ask at once.
  metric.reset();
  // Without labels a reset is a zero.
  if (labelNames.length === 0) metric.remove();
  for (const [labels, value] of samples) put(labels, value);
}

/** One value without labels; none when it isn't known. */
export function one(value: number | boolean | null | undefined): readonly Sample[] {
  return value === null || value === undefined ? [] : [[{}, Number(value)]];
}
