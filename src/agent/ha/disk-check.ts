/**
 * Whether the disk below the data still writes. A disk that hangs stops commits but not the server's answers to a probe,
 * and a server that can't commit has to be treated like one that doesn't answer.
 */
import { open } from 'node:fs/promises';
import { dirname, join } from 'node:path';

const everyMs = 250;
/** A write that takes longer than this counts as no answer; the decision core waits for more of them before it acts. */
const hangsAfterMs = 400;

export class DiskCheck {
  readonly #path: string;
  readonly #timer: NodeJS.Timeout;
  #startedAt: number | undefined;
  /** Only while it matters: a replica whose disk hangs doesn't acknowledge, which its primary sees. */
  enabled = false;

  constructor(dataDirectory: string) {
    this.#path = join(dirname(dataDirectory), 'tandem-disk-check');
    this.#timer = setInterval(() => void this.#check(), everyMs);
    this.#timer.unref();
  }

  get hangs(): boolean {
    return this.#startedAt !== undefined && performance.now() - this.#startedAt > hangsAfterMs;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** One write at a time: each that hangs holds one of the few threads that Node.js has for files. */
  async #check(): Promise<void> {
    if (this.#startedAt !== undefined || !this.enabled) return;
    this.#startedAt = performance.now();
    try {
      const file = await open(this.#path, 'w', 0o600);
      await file.write('x');
      await file.datasync();
      await file.close();
    } catch {
      // A full or broken disk answers; other checks see it.
    }
    this.#startedAt = undefined;
  }
}
