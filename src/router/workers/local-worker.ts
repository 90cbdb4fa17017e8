/** The only worker of a router, in the main process itself: it costs no process and no hop. */
import type { Socket } from 'node:net';
import type { DrainTimes } from '../drain.ts';
import { SharedPositions } from '../knowledge/shared-positions.ts';
import { Router, type RouterOptions } from '../router.ts';
import { Draining } from './draining.ts';
import type { Asked, LastWords } from './messages.ts';
import type { RouterWorker } from './worker.ts';

export interface LocalEvents {
  /** It holds fewer connections than before. */
  readonly onHeld: () => void;
  /** It is closed, with all that is its own. */
  readonly onEnd: () => void;
}

export class LocalWorker implements RouterWorker {
  readonly slot: number;
  readonly router: Router;
  readonly #events: LocalEvents;
  #draining: Draining | undefined;
  #closed = false;

  constructor(options: RouterOptions & { readonly slot: number }, events: LocalEvents) {
    this.slot = options.slot;
    this.router = new Router(options);
    this.#events = events;
  }

  get clients(): number {
    return this.router.clients;
  }

  get draining(): boolean {
    return this.router.draining;
  }

  get held(): number {
    return this.#draining?.held ?? this.router.members.limit;
  }

  accept(socket: Socket, local: boolean): void {
    this.router.accept(socket, local);
    // It is paused where it could have gone to another process.
    socket.resume();
  }

  /** Others serve beside it, from now on. */
  share(positions: string): void {
    if (!this.router.shared.publishes) this.router.shared.share(new SharedPositions(positions, this.slot));
  }

  ask<K extends keyof Asked>(what: K, question: Asked[K]['question']): Promise<Asked[K]['answer']> {
    return answerOf(this.router, what, question);
  }

  limit(connections: number): void {
    if (!this.draining) this.router.setConnectionLimit(connections);
  }

  async drain(times: DrainTimes): Promise<LastWords> {
    this.#draining = new Draining(this.router, this.#events.onHeld);
    const last = await this.#draining.drain(times);
    this.close();
    return last;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#draining?.close();
    this.router.close();
    this.#events.onEnd();
  }
}

/** What a router says to a question, in whatever process. What it takes to answer is loaded with the first one. */
export async function answerOf<K extends keyof Asked>(
  router: Router,
  what: K,
  question: Asked[K]['question'],
): Promise<Asked[K]['answer']> {
  const answers: { [Q in keyof Asked]: (asked: Asked[Q]['question']) => Promise<Asked[Q]['answer']> } = {
    // After a rest nothing is known of the members: they are asked, for who looks without reading.
    status: async () => {
      await router.shared.freshen();
      return (await import('../operation/status.ts')).routerStatus(router);
    },
    metrics: async () => {
      await router.shared.freshen();
      return (await import('../operation/metrics.ts')).metricValues(router);
    },
    explain: async (asked) =>
      (await (await import('../operation/explain.ts')).explain(router, asked)) ?? null,
    kill: (asked) => router.killOwn(asked),
  };
  return answers[what](question);
}
