/** A router that ends, while others already serve: it gives its connections to the members up as its sessions go. */
import type { DrainTimes } from '../drain.ts';
import type { Router } from '../router.ts';
import type { LastWords } from './messages.ts';

const lookMs = 50;

export class Draining {
  readonly #router: Router;
  readonly #onHeld: (connections: number) => void;
  readonly #timer: NodeJS.Timeout;
  /** Connections to the member that it has most of; it never takes more than that again. */
  held: number;

  constructor(router: Router, onHeld: (connections: number) => void) {
    this.#router = router;
    this.#onHeld = onHeld;
    this.held = router.members.limit;
    this.#timer = setInterval(() => this.#look(), lookMs);
  }

  async drain(times: DrainTimes): Promise<LastWords> {
    const drained = this.#router.drain(times);
    this.#look();
    const counts = await drained;
    const { metricValues } = await import('../operation/metrics.ts');
    return { ...counts, metrics: await metricValues(this.#router) };
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const { members, sessions } = this.#router;
    // A session that has no connection now may need one for its next statement.
    const held = Math.max(Math.min(1, sessions.size), members.used);
    if (held >= this.held) return;
    this.held = held;
    members.setLimit(held);
    this.#onHeld(held);
  }
}
