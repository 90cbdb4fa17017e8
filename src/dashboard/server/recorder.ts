/**
 * The last hours in memory, for the time view without Prometheus: every second of the last 15 minutes while somebody
 * watches, every ten seconds of six hours. What was not seen is a gap.
 */
import type { Metrics, Range, StackState } from '../api/schemas.ts';

type Unit = Metrics['series'][number]['unit'];

/** Where the time view's series come from. */
export interface MetricsSource {
  /** Rejects when it can't be asked. */
  query(range: Range): Promise<Omit<Metrics, 'marks'>>;
}

const fine = { stepMs: 1_000, slots: 900 };
const coarse = { stepMs: 10_000, slots: 2_160 };

/** Values by the number of their step; an old one is overwritten by that of a whole ring later. */
class Ring {
  readonly stepMs: number;
  readonly #slots: number;
  readonly #values: Float64Array;
  readonly #steps: Float64Array;

  constructor({ stepMs, slots }: { stepMs: number; slots: number }) {
    this.stepMs = stepMs;
    this.#slots = slots;
    this.#values = new Float64Array(slots).fill(Number.NaN);
    this.#steps = new Float64Array(slots).fill(-1);
  }

  put(atMs: number, value: number): void {
    const step = Math.floor(atMs / this.stepMs);
    this.#values[step % this.#slots] = value;
    this.#steps[step % this.#slots] = step;
  }

  /** Mean of the known values between two times; null when there are none. */
  mean(fromMs: number, toMs: number): number | null {
    let total = 0;
    let count = 0;
    const last = Math.max(Math.floor(fromMs / this.stepMs), Math.ceil(toMs / this.stepMs) - 1);
    for (let step = Math.floor(fromMs / this.stepMs); step <= last; step += 1) {
      if (this.#steps[step % this.#slots] !== step) continue;
      const value = this.#values[step % this.#slots] as number;
      if (Number.isNaN(value)) continue;
      total += value;
      count += 1;
    }
    return count === 0 ? null : total / count;
  }
}

interface Series {
  readonly name: string;
  readonly label: string;
  readonly unit: Unit;
  readonly fine: Ring;
  readonly coarse: Ring;
}

export class Recorder implements MetricsSource {
  readonly #series = new Map<string, Series>();
  readonly #now: () => number;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** Takes what a state says of the time that it was made. */
  record(state: StackState): void {
    const { atMs, site } = state;
    this.#put('requests', '', 'perSecond', atMs, site.requestsPerSecond);
    this.#put('errors', '', 'perSecond', atMs, site.errorsPerSecond);
    for (const { host, requestsPerSecond, latencyMs } of state.web) {
      this.#put('requests', host, 'perSecond', atMs, requestsPerSecond);
      this.#put('latency', host, 'ms', atMs, latencyMs);
    }
    const statements = new Map<string, number | null>();
    for (const { kind, to, perSecond } of state.flows) {
      if (kind === 'statements') statements.set(to, (statements.get(to) ?? 0) + (perSecond ?? 0));
    }
    for (const [member, value] of statements) this.#put('statements', member, 'perSecond', atMs, value);
    for (const { host, lagSeconds } of state.database.members) {
      this.#put('lag', host, 'seconds', atMs, lagSeconds);
    }
    for (const { name, load, memoryUsed, diskUsed } of state.hosts) {
      this.#put('load', name, 'share', atMs, load);
      this.#put('memory', name, 'share', atMs, memoryUsed);
      this.#put('disk', name, 'share', atMs, diskUsed);
    }
    for (const { host, connections } of state.balancers) {
      this.#put('connections', host, 'count', atMs, connections);
    }
  }

  async query({ from, to, points }: Range): Promise<Omit<Metrics, 'marks'>> {
    const isRecent = this.#now() - from <= (fine.slots - 10) * fine.stepMs;
    const base = isRecent ? fine.stepMs : coarse.stepMs;
    const stepMs = Math.max(base, Math.ceil((to - from) / points / base) * base);
    const first = Math.floor(from / stepMs) * stepMs;
    const times = Array.from(
      { length: Math.floor((to - first) / stepMs) + 1 },
      (_, index) => first + index * stepMs,
    );
    const series = [...this.#series.values()].map((one) => {
      // While nobody watched, there is a value every ten seconds: it stands for all of them.
      const fineMean = (time: number) => (isRecent ? one.fine.mean(time, time + stepMs) : null);
      const values = times.map((time) => rounded(fineMean(time) ?? one.coarse.mean(time, time + stepMs)));
      return { name: one.name, label: one.label, unit: one.unit, values };
    });
    return { source: 'memory', stepMs, times, series };
  }

  #put(name: string, label: string, unit: Unit, atMs: number, value: number | null): void {
    if (value === null) return;
    const key = `${name} ${label}`;
    const series = this.#series.get(key) ?? {
      name,
      label,
      unit,
      fine: new Ring(fine),
      coarse: new Ring(coarse),
    };
    this.#series.set(key, series);
    series.fine.put(atMs, value);
    series.coarse.put(atMs, value);
  }
}

function rounded(value: number | null): number | null {
  return value === null ? null : Math.round(value * 10_000) / 10_000;
}
