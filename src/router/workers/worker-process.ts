/** The worker's side: a router that is given its clients by the main process, and ends with it. */
import type { Socket } from 'node:net';
import type { DrainTimes } from '../drain.ts';
import { SharedPositions } from '../knowledge/shared-positions.ts';
import { Router } from '../router.ts';
import type { KillResult, RouterLog } from '../session/host.ts';
import { openTopology } from '../settings.ts';
import { Draining } from './draining.ts';
import { answerOf } from './local-worker.ts';
import type { FromWorker, ToWorker, WorkerStart } from './messages.ts';

export class WorkerProcess {
  readonly #log: RouterLog;
  readonly #killed = new Map<number, (result: KillResult) => void>();
  #kills = 0;
  #left = 0;
  #router: Router | undefined;

  constructor(log: RouterLog) {
    this.#log = log;
    process.on('message', (message, handle) => this.#take(message as ToWorker, handle as Socket | undefined));
    // Nobody would give it clients, nor ask it to end.
    process.on('disconnect', () => process.exit(0));
    // A runner may signal all processes of a service: the main one says what is to be done.
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => undefined);
  }

  #send(message: FromWorker, then: () => void = () => undefined): void {
    process.send?.(message, then);
  }

  #take(message: ToWorker, socket: Socket | undefined): void {
    if (message.type === 'start') {
      this.#start(message.start);
      return;
    }
    const router = this.#router as Router;
    switch (message.type) {
      case 'client':
        // It may be gone before it got here.
        if (socket === undefined) this.#onLeft();
        else router.accept(socket, message.local);
        this.#send({ type: 'took' });
        return;
      case 'limit':
        if (!router.draining) router.setConnectionLimit(message.limit);
        return;
      case 'drain':
        void this.#drain(router, message.times);
        return;
      case 'ask':
        void this.#answer(router, message);
        return;
      case 'killed':
        this.#killed.get(message.number)?.(message.result);
        this.#killed.delete(message.number);
    }
  }

  #start({ settings, slot, limit, positions }: WorkerStart): void {
    const topology = openTopology(settings, this.#log);
    this.#router = new Router({
      config: { ...settings, maxConnectionsPerMember: limit },
      topology,
      log: this.#log,
      slot,
      killElsewhere: (request) =>
        new Promise((resolve) => {
          const number = ++this.#kills;
          this.#killed.set(number, resolve);
          this.#send({ type: 'kill', number, request });
        }),
    });
    this.#router.shared.share(new SharedPositions(positions, slot));
    this.#router.onClientLeft = () => this.#onLeft();
    this.#send({ type: 'ready' });
  }

  /** Told for many at once. */
  #onLeft(): void {
    this.#left++;
    if (this.#left > 1) return;
    setImmediate(() => {
      this.#send({ type: 'left', count: this.#left });
      this.#left = 0;
    });
  }

  async #drain(router: Router, times: DrainTimes): Promise<void> {
    const draining = new Draining(router, (connections) => this.#send({ type: 'held', connections }));
    const last = await draining.drain(times);
    router.close();
    this.#send({ type: 'drained', last }, () => process.exit(0));
  }

  async #answer(router: Router, { number, what, question }: ToWorker & { type: 'ask' }): Promise<void> {
    try {
      this.#send({ type: 'answer', number, answer: await answerOf(router, what, question as never) });
    } catch (error) {
      this.#send({ type: 'answer', number, failure: (error as Error).message });
    }
  }
}
