/** Alerts as marks on the time axis, from the series `ALERTS` that Prometheus keeps of what fires. */
import type { Metrics, Range } from '../api/schemas.ts';

export interface AlertSource {
  /** Alerts that began to fire in this range. Rejects when it can't be asked. */
  alerts(range: Range): Promise<Metrics['marks']>;
}

/** One series for each alert of a host, whichever its other labels are. */
export const alertsFiring = 'max by (alertname, severity, instance) (ALERTS{alertstate="firing"})';

/** When each alert fired: times in milliseconds, a step apart while it went on. */
export type AlertRuns = readonly {
  readonly labels: Readonly<Record<string, string>>;
  readonly times: readonly number[];
}[];

interface Axis {
  readonly firstMs: number;
  readonly lastMs: number;
  readonly stepMs: number;
}

/** The same alert again so soon goes on: a Prometheus that was away has a gap. */
const gapMs = 120_000;

/** A mark where an alert began; what fired at the very first time began before. */
export function alertMarks(runs: AlertRuns, { firstMs, lastMs, stepMs }: Axis): Metrics['marks'] {
  const marks = runs.flatMap(({ labels, times }) => {
    const name = [labels['alertname'] ?? 'an alert', labels['instance'] ?? ''].join(' ').trim();
    return periodsOf(times, Math.max(gapMs, 2 * stepMs))
      .filter(({ fromMs }) => fromMs > firstMs)
      .map(({ fromMs, toMs }) => ({
        atMs: fromMs,
        kind: 'alert' as const,
        text: `${name} (${labels['severity'] ?? 'no severity'}), ${lastingOf(toMs + stepMs - fromMs, toMs >= lastMs)}`,
      }));
  });
  return marks.toSorted((left, right) => left.atMs - right.atMs);
}

function periodsOf(times: readonly number[], gap: number): { fromMs: number; toMs: number }[] {
  const periods: { fromMs: number; toMs: number }[] = [];
  for (const time of times) {
    const last = periods.at(-1);
    if (last !== undefined && time - last.toMs <= gap) last.toMs = time;
    else periods.push({ fromMs: time, toMs: time });
  }
  return periods;
}

function lastingOf(durationMs: number, goesOn: boolean): string {
  if (goesOn) return 'it goes on';
  const minutes = Math.round(durationMs / 60_000);
  return minutes < 1 ? 'for less than a minute' : `for ${minutes} min`;
}

/** Pages ask every few seconds, Prometheus knows nothing new so soon: it is asked once in `keptMs` for each length of range. */
export class KeptAlerts {
  readonly #source: AlertSource;
  readonly #now: () => number;
  readonly #kept = new Map<number, { readonly atMs: number; readonly marks: Promise<Metrics['marks']> }>();

  constructor(source: AlertSource, now: () => number = Date.now) {
    this.#source = source;
    this.#now = now;
  }

  /** None while Prometheus can't be asked. */
  async read(range: Range): Promise<Metrics['marks']> {
    const nowMs = this.#now();
    for (const [length, { atMs }] of this.#kept) if (nowMs - atMs >= keptMs) this.#kept.delete(length);
    // Only what ends now is asked for again and again.
    if (nowMs - range.to > keptMs) return this.#source.alerts(range).catch(() => []);
    const length = Math.round((range.to - range.from) / 1_000);
    const kept = this.#kept.get(length) ?? {
      atMs: nowMs,
      marks: this.#source.alerts(range).catch((): Metrics['marks'] => []),
    };
    if (this.#kept.size < mostKept) this.#kept.set(length, kept);
    return kept.marks;
  }
}

const keptMs = 10_000;
const mostKept = 32;
