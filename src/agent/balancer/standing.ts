/**
 * Whether this balancer stands back while it is changed. Kept in a file in /run, so that the restart of the agent that may be
 * part of the change does not bring the address back, and a reboot does.
 */
import { existsSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';

export class Standing {
  readonly #file: string;
  #isBack: boolean;

  constructor(file: string) {
    this.#file = file;
    this.#isBack = existsSync(file);
  }

  get isBack(): boolean {
    return this.#isBack;
  }

  async set(isBack: boolean): Promise<void> {
    if (isBack) await writeFile(this.#file, '');
    else await rm(this.#file, { force: true });
    this.#isBack = isBack;
  }
}
