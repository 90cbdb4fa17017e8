/**
 * A bounded load on the site as browsers make it: HTTPS to the floating address, the certificate checked, reads and writes,
 * some clients on connections that they keep, others on a new one each time. Nothing is tried again: what fails is told.
 */
import { Agent } from 'node:https';
import { fetchOnce } from './http.ts';
import { sleep } from './wait.ts';

export interface SiteLoadRequest {
  /** Without a path. */
  readonly url: string;
  readonly ca: string;
  /** Half of them keep their connection. */
  readonly clients: number;
  /** Between two requests of a client. */
  readonly pauseMs: number;
  /** Longer has failed. */
  readonly timeoutMs: number;
}

export interface FailedRequest {
  /** Since the load began. */
  readonly atMs: number;
  readonly tookMs: number;
  readonly what: string;
  readonly error: string;
}

export interface SiteLoadReport {
  readonly requests: number;
  readonly failed: readonly FailedRequest[];
  /** Longest time in which no request was answered as it should. */
  readonly longestPauseMs: number;
  readonly slowestMs: number;
}

/** One in so many requests adds a user. */
const writeEvery = 8;
let loads = 0;

export class SiteLoad {
  readonly #request: SiteLoadRequest;
  readonly #clients: readonly Promise<void>[];
  readonly #startedMs = performance.now();
  readonly #number = ++loads;
  readonly #failed: FailedRequest[] = [];
  #requests = 0;
  #answeredMs = performance.now();
  #longestPauseMs = 0;
  #slowestMs = 0;
  #isOver = false;

  private constructor(request: SiteLoadRequest) {
    this.#request = request;
    this.#clients = Array.from({ length: request.clients }, (_, index) => this.#client(index));
  }

  static start(request: SiteLoadRequest): SiteLoad {
    return new SiteLoad(request);
  }

  async #client(index: number): Promise<void> {
    const agent = index % 2 === 0 ? new Agent({ keepAlive: true, maxSockets: 1 }) : undefined;
    // Spread over the pause, so that not all ask at once.
    await sleep((this.#request.pauseMs * index) / this.#request.clients);
    for (let count = index; !this.#isOver; count += 1) {
      await this.#ask(count, index, agent);
      await sleep(this.#request.pauseMs);
    }
    agent?.destroy();
  }

  async #ask(count: number, index: number, agent: Agent | undefined): Promise<void> {
    const { url, ca, timeoutMs } = this.#request;
    const isWrite = count % writeEvery === 0;
    const path = isWrite || count % 2 === 0 ? '/api/users' : '/';
    const email = `load-${process.pid}-${this.#number}-${index}-${count}@example.org`;
    const fromMs = performance.now();
    let error = '';
    try {
      const answer = await fetchOnce(new URL(path, url).href, {
        ca,
        timeoutMs,
        ...(agent === undefined ? {} : { agent }),
        ...(isWrite ? { method: 'POST', body: { name: 'Load', email } } : {}),
      });
      if (answer.status !== (isWrite ? 201 : 200))
        error = `HTTP ${answer.status} ${answer.body.slice(0, 200)}`;
    } catch (reason) {
      error = (reason as Error).message;
    }
    const nowMs = performance.now();
    this.#requests += 1;
    this.#slowestMs = Math.max(this.#slowestMs, nowMs - fromMs);
    if (error === '') return this.#answered(nowMs);
    const kind = agent === undefined ? 'new connection' : 'kept connection';
    this.#failed.push({
      atMs: Math.round(fromMs - this.#startedMs),
      tookMs: Math.round(nowMs - fromMs),
      what: `${isWrite ? 'POST' : 'GET'} ${path}, ${kind}`,
      error,
    });
  }

  #answered(nowMs: number): void {
    this.#longestPauseMs = Math.max(this.#longestPauseMs, nowMs - this.#answeredMs);
    this.#answeredMs = nowMs;
  }

  /** Resolves when the requests that are under way have ended. */
  async stop(): Promise<SiteLoadReport> {
    this.#isOver = true;
    const pauseMs = performance.now() - this.#answeredMs;
    await Promise.all(this.#clients);
    return {
      requests: this.#requests,
      failed: this.#failed,
      longestPauseMs: Math.round(Math.max(this.#longestPauseMs, pauseMs)),
      slowestMs: Math.round(this.#slowestMs),
    };
  }
}
