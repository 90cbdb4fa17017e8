/** A few visitors of the site, so that something flows on the map. */
import { fetchOnce, keepAliveAgent } from '#test/support/http.ts';
import type { Lab } from '#test/support/lab.ts';
import { sleep } from '#test/support/wait.ts';

const pauseMs = 100;

export class Load {
  readonly #lab: Lab;
  readonly #agent = keepAliveAgent(2);
  #running = false;
  #done: Promise<void> = Promise.resolve();

  constructor(lab: Lab) {
    this.#lab = lab;
  }

  start(): void {
    this.#running = true;
    this.#done = this.#run();
  }

  async stop(): Promise<void> {
    this.#running = false;
    await this.#done;
    this.#agent.destroy();
  }

  /** Failures are not counted: faults are tried meanwhile, and other points judge what they do to the site. */
  async #run(): Promise<void> {
    const [url, ca] = [await this.#lab.url('/api/users'), await this.#lab.ca()];
    for (let number = 0; this.#running; number += 1) {
      const isWrite = number % 5 === 0;
      const body = { name: `Visitor ${number}`, email: `visitor-${number}@example.org` };
      const options = isWrite ? { method: 'POST', body } : {};
      await fetchOnce(url, { ca, agent: this.#agent, timeoutMs: 5_000, ...options }).catch(() => undefined);
      await sleep(pauseMs);
    }
  }
}
