/** Gauges and counters whose values are read when somebody asks; in Prometheus' text format. */
import { Counter, Gauge, Registry } from 'prom-client';

export type Labels = Readonly<Record<string, string>>;
export type Sample = readonly [labels: Labels, value: number];

export const contentType = Registry.PROMETHEUS_CONTENT_TYPE;

/** What is asked for at a scrape: the reader's values of that moment. */
export class Readings {
  readonly #registry = new Registry();

  /** `read` gives no sample where the value is unknown: a missing series says so, a zero would lie. */
  gauge(
    name: string,
    help: string,
    labelNames: readonly string[],
    read: () => Iterable<Sample> | Promise<Iterable<Sample>>,
  ): void {
    new Gauge({
      name,
      help,
      labelNames: [...labelNames],
      registers: [this.#registry],
      async collect() {
        const samples = await read();
        // Without a pause from here on: both Prometheus may ask at once.
        this.reset();
        // Without labels a reset is a zero.
        if (labelNames.length === 0) this.remove();
        for (const [labels, value] of samples) this.set(labels, value);
      },
    });
  }

  counter(
    name: string,
    help: string,
    labelNames: readonly string[],
    read: () => Iterable<Sample> | Promise<Iterable<Sample>>,
  ): void {
    new Counter({
      name,
      help,
      labelNames: [...labelNames],
      registers: [this.#registry],
      async collect() {
        const samples = await read();
        this.reset();
        if (labelNames.length === 0) this.remove();
        for (const [labels, value] of samples) this.inc(labels, value);
      },
    });
  }

  text(): Promise<string> {
    return this.#registry.metrics();
  }
}

/** One value without labels; none when it isn't known. */
export function one(value: number | boolean | null | undefined): readonly Sample[] {
  return value === null || value === undefined ? [] : [[{}, Number(value)]];
}
