/** What a router says of itself on its control endpoint: of all its workers together. */
import type { ControlSource } from '../operation/control.ts';
import type { Explained, Question } from '../operation/explain.ts';
import { combineStatus } from './combine.ts';
import type { Asked } from './messages.ts';
import { metricsContentType, metricsText } from './whole-metrics.ts';
import type { RouterWorker } from './worker.ts';
import type { Workers } from './workers.ts';

/** As much of a worker, and of `Workers`, as it takes to tell of them. */
export type WorkerTold = Pick<RouterWorker, 'slot' | 'clients' | 'draining' | 'ask'>;
export type WorkersTold = Pick<Workers, 'past' | 'size'> & { readonly answering: readonly WorkerTold[] };

export class WholeRouter implements ControlSource {
  readonly #workers: WorkersTold;

  constructor(workers: WorkersTold) {
    this.#workers = workers;
  }

  async metrics(): Promise<{ readonly text: string; readonly contentType: string }> {
    const { past, size } = this.#workers;
    const now = await this.#askAll('metrics', undefined);
    for (const [worker, metrics] of now) past.seen(worker, metrics);
    const all = [...now.map(([, metrics]) => metrics), ...(await past.totals())];
    return { text: await metricsText(all, past.counts, size), contentType: metricsContentType };
  }

  async status(): Promise<object> {
    const answers = await this.#askAll('status', undefined);
    const { reloads, crashes, drainedSessions, cutSessions } = this.#workers.past.counts;
    return {
      ...combineStatus(answers.map(([, status]) => status)),
      workers: answers.map(([{ slot, clients, draining }, { sessions }]) => ({
        slot,
        clients,
        sessions,
        draining,
      })),
      reloads,
      workerCrashes: crashes,
      drained: { ended: drainedSessions, cut: cutSessions },
    };
  }

  explain(question: Question): Promise<Explained | null> {
    const worker = this.#workers.answering.find(({ draining }) => !draining);
    if (worker === undefined) return Promise.reject(new Error('no worker serves at this moment'));
    return worker.ask('explain', question);
  }

  /** A worker that ends meanwhile says nothing. */
  async #askAll<K extends keyof Asked>(
    what: K,
    question: Asked[K]['question'],
  ): Promise<readonly (readonly [WorkerTold, Asked[K]['answer']])[]> {
    const answers = await Promise.all(
      this.#workers.answering.map(async (worker) => {
        try {
          return [[worker, await worker.ask(what, question)] as const];
        } catch {
          return [];
        }
      }),
    );
    return answers.flat();
  }
}
