/** A client that asks the site every few milliseconds on a new connection, and remembers what it saw. */
import { fetchOnce } from './http.ts';

export interface Probe {
  readonly startedMs: number;
  readonly endedMs: number;
  readonly ok: boolean;
  readonly host: string;
  readonly error: string;
}

export interface ProbeReport {
  readonly probes: readonly Probe[];
  readonly failed: readonly Probe[];
  /** Longest time without a successful answer, the end of the watch included; in milliseconds. */
  readonly largestGapMs: number;
}

export class Prober {
  readonly #probes: Probe[] = [];
  readonly #open = new Set<Promise<void>>();
  #timer: NodeJS.Timeout | undefined;

  /** Requests overlap: one that hangs does not keep the next from being sent. */
  start(url: string, ca: string, options: { everyMs?: number; timeoutMs?: number } = {}): this {
    const timeoutMs = options.timeoutMs ?? 1_000;
    this.#timer = setInterval(() => {
      const probe = this.#probe(url, ca, timeoutMs).finally(() => this.#open.delete(probe));
      this.#open.add(probe);
    }, options.everyMs ?? 20);
    return this;
  }

  async #probe(url: string, ca: string, timeoutMs: number): Promise<void> {
    const startedMs = performance.now();
    const record = (ok: boolean, host: string, error: string) =>
      this.#probes.push({ startedMs, endedMs: performance.now(), ok, host, error });
    try {
      const answer = await fetchOnce(url, { ca, timeoutMs });
      record(
        answer.status === 200,
        answer.headers['x-tandem-host'] ?? '',
        answer.status === 200 ? '' : `HTTP ${answer.status}`,
      );
    } catch (error) {
      record(false, '', error instanceof Error ? error.message : String(error));
    }
  }

  /** For `using`: a test that fails before `stop` must not go on asking. */
  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  async stop(): Promise<ProbeReport> {
    clearInterval(this.#timer);
    // A site that never came back has its gap at the end.
    const stoppedMs = performance.now();
    await Promise.all(this.#open);
    const successes = this.#probes
      .filter((probe) => probe.ok)
      .map((probe) => probe.endedMs)
      .sort((left, right) => left - right);
    const times = [...successes, Math.max(stoppedMs, successes.at(-1) ?? 0)];
    const gaps = times.slice(1).map((at, index) => at - (times[index] ?? at));
    return {
      probes: this.#probes,
      failed: this.#probes.filter((probe) => !probe.ok),
      largestGapMs: successes.length === 0 ? Number.POSITIVE_INFINITY : Math.max(...gaps),
    };
  }
}
