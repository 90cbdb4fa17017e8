/**
 * Live progress of `up` and its kind: on a terminal one line per running step, redrawn; elsewhere one plain line per
 * finished step, so that logs stay readable.
 */
import { styleText } from 'node:util';
import type { Reporter } from '#src/std/reporter.ts';

interface Running {
  readonly label: string;
  readonly startedMs: number;
}

const hostWidth = 10;

export class Progress implements Reporter {
  readonly #out: NodeJS.WriteStream;
  readonly #live: boolean;
  readonly #running = new Set<Running>();
  readonly #startedMs = performance.now();
  #drawn = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(out: NodeJS.WriteStream = process.stderr) {
    this.#out = out;
    this.#live = out.isTTY === true;
  }

  async step<T>(host: string, title: string, work: () => Promise<T>): Promise<T> {
    const running: Running = { label: label(host, title), startedMs: performance.now() };
    this.#running.add(running);
    this.#draw();
    try {
      const result = await work();
      this.#finish(running, styleText('green', '✓'));
      return result;
    } catch (error) {
      this.#finish(running, styleText('red', '✗'));
      throw error;
    }
  }

  note(host: string, text: string): void {
    this.#print(`  ${label(host, text)}`);
  }

  get elapsedSeconds(): number {
    return (performance.now() - this.#startedMs) / 1_000;
  }

  #finish(running: Running, mark: string): void {
    this.#running.delete(running);
    this.#print(`${mark} ${running.label} ${styleText('dim', seconds(running.startedMs))}`);
  }

  #print(line: string): void {
    this.#erase();
    this.#out.write(`${line}\n`);
    this.#draw();
  }

  #erase(): void {
    if (this.#drawn > 0) this.#out.write(`\u001b[${this.#drawn}F\u001b[0J`);
    this.#drawn = 0;
  }

  #draw(): void {
    if (!this.#live) return;
    this.#erase();
    const width = this.#out.columns ?? 80;
    const lines = [...this.#running].map((running) =>
      `… ${running.label} ${seconds(running.startedMs)}`.slice(0, width - 1),
    );
    if (lines.length > 0) this.#out.write(`${lines.join('\n')}\n`);
    this.#drawn = lines.length;
    clearInterval(this.#timer);
    if (lines.length > 0) this.#timer = setInterval(() => this.#draw(), 200).unref();
  }
}

function label(host: string, title: string): string {
  return `${(host || 'stack').padEnd(hostWidth)} ${title}`;
}

function seconds(startedMs: number): string {
  return `${((performance.now() - startedMs) / 1_000).toFixed(1)} s`;
}
