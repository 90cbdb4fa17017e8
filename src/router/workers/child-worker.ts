/** A worker in a process of its own, as the main process has it. Clients are handed to it one at a time. */
import { type ChildProcess, fork } from 'node:child_process';
import type { Socket } from 'node:net';
import type { DrainTimes } from '../drain.ts';
import type { KillRequest } from '../kill/kill.ts';
import type { KillResult, RouterLog } from '../session/host.ts';
import type { Asked, FromWorker, LastWords, ToWorker, WorkerStart } from './messages.ts';
import type { RouterWorker } from './worker.ts';

export interface ChildEvents {
  readonly killElsewhere: (request: KillRequest) => Promise<KillResult>;
  /** It holds fewer connections than before. */
  readonly onHeld: () => void;
  /** It wasn't given this client yet, and won't be. */
  readonly onUnplaced: (client: Client) => void;
  /** The process is gone. */
  readonly onExit: () => void;
}

export interface Client {
  readonly socket: Socket;
  readonly local: boolean;
}

interface Question {
  readonly resolve: (answer: never) => void;
  readonly reject: (error: Error) => void;
}

export class ChildWorker implements RouterWorker {
  readonly slot: number;
  /** Fulfils when it takes clients; rejects when it ends before. */
  readonly ready: Promise<void>;
  clients = 0;
  draining = false;
  held: number;
  /** Undefined, or without a pid, where the machine had no room for it. */
  readonly #child: ChildProcess | undefined;
  readonly #events: ChildEvents;
  readonly #log: RouterLog;
  readonly #queue: Client[] = [];
  readonly #questions = new Map<number, Question>();
  #asked = 0;
  /** On its way: whether the worker has it is not known before it says so. */
  #given: Client | undefined;
  #ended = false;
  #becameReady: (error?: Error) => void = () => undefined;
  #drained: ((last: LastWords) => void) | undefined;

  /** `program`: src/bin/router-worker.ts. */
  constructor(program: string, start: WorkerStart, events: ChildEvents, log: RouterLog) {
    this.slot = start.slot;
    this.held = start.limit;
    this.#events = events;
    this.#log = log;
    this.ready = new Promise((resolve, reject) => {
      this.#becameReady = (error) => (error === undefined ? resolve() : reject(error));
    });
    // Who waits for it hears of a failure; nobody may be waiting.
    this.ready.catch(() => undefined);
    this.#child = this.#fork(program);
    this.#send({ type: 'start', start });
  }

  /** Some failures are thrown, others are an `error` and no `exit`. Neither ends the worker before its maker has it. */
  #fork(program: string): ChildProcess | undefined {
    try {
      const child = fork(program, []);
      child.on('message', (message) => this.#take(message as FromWorker));
      child.on('error', (error) => {
        if (child.pid === undefined) this.#exited(error.message);
        else this.#log.warn(`worker ${this.slot}: ${error.message}`);
      });
      child.once('exit', (code, signal) => this.#exited(signal ?? `code ${code}`));
      return child;
    } catch (error) {
      setImmediate(() => this.#exited((error as Error).message));
      return undefined;
    }
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  accept(socket: Socket, local: boolean): void {
    this.clients++;
    this.#queue.push({ socket, local });
    this.#give();
  }

  ask<K extends keyof Asked>(what: K, question: Asked[K]['question']): Promise<Asked[K]['answer']> {
    if (this.#ended) return Promise.reject(new Error(`worker ${this.slot} has ended`));
    const number = ++this.#asked;
    return new Promise((resolve, reject) => {
      this.#questions.set(number, { resolve, reject });
      this.#send({ type: 'ask', number, what, question });
    });
  }

  limit(connections: number): void {
    if (this.draining || this.held === connections) return;
    this.held = connections;
    this.#send({ type: 'limit', limit: connections });
  }

  drain(times: DrainTimes): Promise<LastWords> {
    this.draining = true;
    this.#giveBack();
    return new Promise((resolve) => {
      this.#drained = resolve;
      if (this.#ended) this.#nothingLeft();
      else this.#send({ type: 'drain', times });
    });
  }

  close(): void {
    this.#child?.kill('SIGKILL');
  }

  #nothingLeft(): void {
    this.#drained?.({ ended: 0, cut: this.clients, metrics: [] });
  }

  #giveBack(): void {
    for (const client of this.#queue.splice(0)) {
      this.clients--;
      this.#events.onUnplaced(client);
    }
  }

  /** The next client goes when it has taken the one before: what waits here can still go to another worker. */
  #give(): void {
    if (this.#given !== undefined || this.#ended) return;
    const next = this.#queue.shift();
    if (next === undefined) return;
    this.#given = next;
    this.#send({ type: 'client', local: next.local }, next.socket);
  }

  /** Closes this process's own copy. */
  #letGo(): void {
    this.#given?.socket.destroy();
    this.#given = undefined;
  }

  #send(message: ToWorker, socket?: Socket): void {
    // A channel that is closed: `exit` follows, and with it everything that is to be done.
    // A socket stays open here until it was taken: else nobody could close it when the worker ends with it on its way.
    if (this.pid !== undefined) this.#child?.send(message, socket, { keepOpen: true }, () => undefined);
  }

  #take(message: FromWorker): void {
    switch (message.type) {
      case 'ready':
        this.#becameReady();
        return;
      case 'took':
        this.#letGo();
        this.#give();
        return;
      case 'left':
        this.clients -= message.count;
        return;
      case 'held':
        this.held = message.connections;
        this.#events.onHeld();
        return;
      case 'drained':
        this.#drained?.(message.last);
        return;
      case 'answer':
        this.#answered(message);
        return;
      case 'kill':
        void this.#events
          .killElsewhere(message.request)
          .then((result) => this.#send({ type: 'killed', number: message.number, result }));
    }
  }

  #answered({ number, answer, failure }: FromWorker & { type: 'answer' }): void {
    const question = this.#questions.get(number);
    this.#questions.delete(number);
    if (failure === undefined) question?.resolve(answer as never);
    else question?.reject(new Error(failure));
  }

  #exited(how: string): void {
    if (this.#ended) return;
    this.#ended = true;
    this.held = 0;
    const error = new Error(`worker ${this.slot} ended (${how})`);
    this.#becameReady(error);
    for (const { reject } of this.#questions.values()) reject(error);
    this.#questions.clear();
    if (!this.draining) this.#log.warn(error.message);
    // It may have been greeted already: a second greeting would be none. Its client connects again.
    this.#letGo();
    this.#giveBack();
    this.#nothingLeft();
    this.#events.onExit();
  }
}
