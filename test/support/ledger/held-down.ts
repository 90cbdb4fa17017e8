/** Services of a host that are kept down until they may come back: whoever restarts them, they are killed again. */
import type { Lab } from '../lab.ts';
import { commandText, descendants, labProcesses, processOf, signal } from '../processes.ts';
import { sleep } from '../wait.ts';

const everyMs = 20;

export class HeldDown {
  readonly #lab: Lab;
  readonly #host: string;
  readonly #texts: ReadonlySet<string>;
  #ended = false;
  #loop: Promise<void> = Promise.resolve();

  private constructor(lab: Lab, host: string, texts: ReadonlySet<string>) {
    this.#lab = lab;
    this.#host = host;
    this.#texts = texts;
  }

  /** All of them must run. */
  static async begin(lab: Lab, host: string, services: readonly string[]): Promise<HeldDown> {
    const pids = await Promise.all(services.map((service) => lab.pid(host, service)));
    const texts = new Set(pids.flatMap((pid) => processOf(pid) ?? []).map(commandText));
    const held = new HeldDown(lab, host, texts);
    held.#kill();
    held.#loop = held.#run();
    return held;
  }

  async end(): Promise<void> {
    this.#ended = true;
    await this.#loop;
  }

  #kill(): void {
    const found = labProcesses(this.#lab.stack.stack, [this.#host]);
    for (const own of found.filter((each) => this.#texts.has(commandText(each)))) {
      for (const pid of descendants(own.pid)) signal(pid, 'SIGKILL');
    }
  }

  async #run(): Promise<void> {
    while (!this.#ended) {
      this.#kill();
      await sleep(everyMs);
    }
  }
}
