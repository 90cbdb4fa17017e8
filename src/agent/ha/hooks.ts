/**
 * Runs an operator's commands on the database's occasions (`database.hooks`): one after the other, with a JSON document
 * on standard input. Nothing ever waits for them, and what they do decides nothing.
 */
import type { Log } from '#src/adapters/log.ts';
import { run } from '#src/adapters/process/run.ts';
import type { HookName } from '#src/spec/schema/database.ts';

const timeoutMs = 30_000;
/** An operator who wants the last ones only has a command that hangs; memory must not pay for it. */
const longestQueue = 50;
const outputLength = 500;

/** What the command reads: docs/operations.md. */
export interface HookDocument {
  readonly hook: HookName;
  readonly stack: string;
  readonly host: string;
  readonly epoch: number;
  /** The rule that acted, and its sentence. */
  readonly rule: number;
  readonly sentence: string;
  /** ISO 8601. */
  readonly time: string;
  readonly [detail: string]: string | number;
}

export class Hooks {
  readonly #commands: Partial<Record<HookName, readonly string[]>>;
  readonly #log: Log;
  #last: Promise<void> = Promise.resolve();
  #queued = 0;

  constructor(commands: Partial<Record<HookName, readonly string[]>>, log: Log) {
    this.#commands = commands;
    this.#log = log;
  }

  run(document: HookDocument): void {
    const command = this.#commands[document.hook];
    if (command === undefined) return;
    if (this.#queued >= longestQueue) {
      this.#log.warn(`${document.hook} is left out: ${longestQueue} hooks wait already`);
      return;
    }
    this.#queued += 1;
    this.#last = this.#last.then(async () => {
      await this.#runNow(command, document);
      this.#queued -= 1;
    });
  }

  async #runNow(command: readonly string[], document: HookDocument): Promise<void> {
    const { hook, epoch } = document;
    try {
      const { code, stderr } = await run(command, { input: `${JSON.stringify(document)}\n`, timeoutMs });
      const values = { hook, epoch, code, stderr: stderr.trim().slice(-outputLength) || undefined };
      if (code === 0) this.#log.info('hook ran', values);
      else this.#log.warn('hook failed', values);
    } catch (error) {
      this.#log.warn('hook failed', { hook, epoch, reason: (error as Error).message });
    }
  }
}
