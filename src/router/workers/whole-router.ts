/** What a router says of itself on its control endpoint: of all its workers together. */
import type { ControlSource } from '#src/router/control.ts';
import type { Explained, Question } from '#src/router/explain.ts';
import { combineStatus } from './combine.ts';
import { metricsContentType, metricsText } from './whole-metrics.ts';
import type { Workers } from './workers.ts';

/** As much of `Workers` as it takes to tell of them. */
export type WorkersTold = Pick<Workers, 'askAll' | 'askOne' | 'metrics' | 'past' | 'size'>;

export class WholeRouter implements ControlSource {
  readonly #workers: WorkersTold;

  constructor(workers: WorkersTold) {
    this.#workers = workers;
  }

  async metrics(): Promise<{ readonly text: string; readonly contentType: string }> {
    const workers = this.#workers;
    const text = await metricsText(await workers.metrics(), workers.past.counts, workers.size);
    return { text, contentType: metricsContentType };
  }

  async status(): Promise<object> {
    const answers = await this.#workers.askAll('status', undefined);
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
    return this.#workers.askOne('explain', question);
  }
}
