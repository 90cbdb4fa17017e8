/** One concern's heartbeat: a step again and again, that no error ends, and that can be woken early. */
import type { Log } from '#src/adapters/log.ts';

export interface LoopOptions {
  readonly name: string;
  /** Pause between the end of a step and the next; a step may ask for another one. */
  readonly intervalMs: number;
  readonly log: Log;
  /** Resolves to the pause before the next step, or nothing for the usual one. */
  readonly step: (signal: AbortSignal) => Promise<number | undefined> | Promise<void>;
}

export class Loop {
  readonly #options: LoopOptions;
  readonly #stop = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #running = false;
  #again = false;
  #lastError: string | undefined;

  constructor(options: LoopOptions) {
    this.#options = options;
    this.#schedule(0);
  }

  /** Steps at once; during a step, once more right after it. */
  wake(): void {
    if (this.#running) this.#again = true;
    else this.#schedule(0);
  }

  stop(): void {
    this.#stop.abort();
    clearTimeout(this.#timer);
  }

  #schedule(delayMs: number): void {
    if (this.#stop.signal.aborted) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#run(), delayMs);
  }

  async #run(): Promise<void> {
    this.#running = true;
    let pauseMs = this.#options.intervalMs;
    try {
      pauseMs = (await this.#options.step(this.#stop.signal)) ?? pauseMs;
      if (this.#lastError !== undefined) this.#options.log.info('works again', { loop: this.#options.name });
      this.#lastError = undefined;
    } catch (error) {
      // The same error again says nothing new.
      const text = error instanceof Error ? error.message : String(error);
      if (text !== this.#lastError) this.#options.log.error(text, { loop: this.#options.name });
      this.#lastError = text;
    }
    this.#running = false;
    this.#schedule(this.#again ? 0 : pauseMs);
    this.#again = false;
  }
}
