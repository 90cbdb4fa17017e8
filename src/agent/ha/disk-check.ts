/**
 * Whether the disk below the data still writes. A disk that hangs stops commits but not the server's answers to a probe,
 * and a server that can't commit has to be treated like one that doesn't answer.
 */
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { dirname, join } from 'node:path';

const everyMs = 400;
/** Each write is one that has reached the disk when it returns. */
const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_DSYNC;
/** A write that takes longer than this counts as no answer; the decision core waits for more of them before it acts. */
const hangsAfterMs = 400;

export class DiskCheck {
  readonly #path: string;
  readonly #timer: NodeJS.Timeout;
  #startedAt: number | undefined;
  /** Kept open: opening and closing would be most of what a check costs. */
  #file: FileHandle | undefined;
  #stopped = false;
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
    this.#stopped = true;
    if (this.#startedAt === undefined) this.#close();
  }

  /** One write at a time: each that hangs holds one of the few threads that Node.js has for files. */
  async #check(): Promise<void> {
    if (this.#startedAt !== undefined || !this.enabled) return;
    this.#startedAt = performance.now();
    try {
      this.#file ??= await open(this.#path, flags, 0o600);
      await this.#file.write('x', 0);
    } catch {
      // A full or broken disk answers; other checks see it. Another file may be there by the next time.
      this.#close();
    }
    this.#startedAt = undefined;
    if (this.#stopped) this.#close();
  }

  #close(): void {
    this.#file?.close().catch(() => undefined);
    this.#file = undefined;
  }
}
