/**
 * One service under supervision. A loop runs as long as the service is wanted: start, wait until ready, wait for the end,
 * clean up, pause, start again. Requests (`start`, `stop` …) only say what is wanted and wait for the loop to get there.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { isAlive, signal } from '#src/adapters/process/table.ts';
import type { DefinedService } from '#src/adapters/supervisor-client.ts';
import type { ServiceState, ServiceStatus } from '#src/plan/observed.ts';
import type { Reload } from '#src/render/service.ts';
import { ensureDirectories, launch, runHelper } from './launch.ts';
import { adoptedProcess, type ManagedProcess, ownProcess, type ProcessExit } from './managed-process.ts';
import { killLeftovers } from './processes.ts';
import { isReady, pollDelayMs } from './readiness.ts';
import { type Exits, isCrashLoop, recentExits, restartDelayMs } from './restarts.ts';
import { untilWorkersReplaced, workersOf } from './workers.ts';

/** What must survive the supervisor, so that the next one adopts the process. */
export interface UnitRecord {
  readonly name: string;
  readonly wanted: boolean;
  readonly pid: number | null;
  readonly startTicks: string | null;
  readonly sinceMs: number;
  readonly ready: boolean;
  readonly done: boolean;
  readonly restarts: number;
  readonly definition: string | null;
  readonly configuration: string | null;
  readonly reason: string | null;
}

export interface UnitContext {
  /** Called after every change of `record`. */
  readonly changed: () => void;
  readonly log: (text: string) => void;
  /** Fulfils when the services that this one comes after, and that are wanted, are ready (or after a time limit). */
  readonly predecessors: (service: DefinedService) => Promise<void>;
}

type Waiter = (failure: string | undefined) => void;
type Attempt = 'ready' | 'timeout' | 'stopping' | ProcessExit;

const helperTimeoutMs = 30_000;

export class Unit {
  service: DefinedService;
  /** False when the definition is gone and only the process is still there. */
  defined = true;
  readonly #context: UnitContext;
  #wanted = false;
  #process: ManagedProcess | undefined;
  #ready = false;
  #done = false;
  #failed = false;
  #sinceMs = Date.now();
  #restarts = 0;
  #definition: string | null = null;
  #configuration: string | null = null;
  #reason: string | null = null;
  #exits: Exits = [];
  #loop: Promise<void> | undefined;
  #interrupts = new Set<() => void>();
  #waiters = new Set<Waiter>();
  /** Requests of one service are carried out one after the other; `stop` alone overtakes. */
  #queue: Promise<unknown> = Promise.resolve();

  constructor(service: DefinedService, context: UnitContext) {
    this.service = service;
    this.#context = context;
  }

  get wanted(): boolean {
    return this.#wanted;
  }

  get isSettled(): boolean {
    return this.#ready || this.#done;
  }

  get isIdle(): boolean {
    return this.#loop === undefined;
  }

  get record(): UnitRecord {
    return {
      name: this.service.name,
      wanted: this.#wanted,
      pid: this.#process?.pid ?? null,
      startTicks: this.#process?.startTicks ?? null,
      sinceMs: this.#sinceMs,
      ready: this.#ready,
      done: this.#done,
      restarts: this.#restarts,
      definition: this.#definition,
      configuration: this.#configuration,
      reason: this.#reason,
    };
  }

  get status(): ServiceStatus {
    const { name, pid, sinceMs, restarts, definition, configuration, reason } = this.record;
    const state = this.#state();
    return {
      name,
      state,
      pid,
      sinceMs,
      restarts,
      definition,
      configuration,
      reason: state === 'running' ? null : reason,
    };
  }

  #state(): ServiceState {
    if (this.#done) return 'done';
    if (this.#failed) return 'failed';
    if (!this.#wanted && this.#process === undefined) return 'stopped';
    if (isCrashLoop(this.#exits, this.service.restart, performance.now())) return 'crash-loop';
    return this.#ready ? 'running' : 'starting';
  }

  /** Continues where an earlier supervisor was: adopts the process when it is the same one, otherwise starts it anew. */
  resume(record: UnitRecord): void {
    this.#wanted = record.wanted;
    this.#done = record.done;
    this.#sinceMs = record.sinceMs;
    this.#restarts = record.restarts;
    this.#definition = record.definition;
    this.#configuration = record.configuration;
    this.#reason = record.reason;
    const { pid, startTicks } = record;
    if (pid !== null && startTicks !== null && isAlive(pid, startTicks)) {
      this.#process = adoptedProcess(pid, startTicks, record.sinceMs);
      this.#ready = record.ready;
      this.#context.log(`${record.name}: adopted process ${pid}`);
      this.#run(this.#process);
    } else if (!this.#done && (this.#wanted || pid !== null)) {
      const ended = this.#wanted && pid !== null;
      if (!this.#isRestarted) this.#wanted = false;
      if (ended) this.#noteEnd('ended while no supervisor watched');
      this.#session = pid;
      this.#run();
    }
  }

  /** Fulfils when ready; rejects with a sentence. Running already: fulfils at once. */
  start(): Promise<void> {
    return this.#enqueue(async () => {
      if (this.isSettled && this.#wanted) return;
      const waiting = this.#untilReady(this.service.startTimeoutMs * 2 + helperTimeoutMs);
      this.#wanted = true;
      this.#failed = false;
      this.#exits = [];
      this.#context.changed();
      if (this.#loop === undefined) this.#run();
      await waiting;
    });
  }

  /** Fulfils when nothing of the service is left. `limitMs` shortens the service's own patience. */
  stop(limitMs = Number.POSITIVE_INFINITY): Promise<void> {
    this.#stopLimitMs = limitMs;
    this.#callOff();
    return this.#enqueue(async () => {
      // A start that was queued before may have run in between.
      this.#callOff();
      await this.#loop;
      if (this.#done) await this.#runAfterStop();
      this.#done = false;
      this.#failed = false;
      this.#restarts = 0;
      this.#reason = 'stopped on request';
      this.#sinceMs = Date.now();
      this.#context.changed();
    });
  }
  #stopLimitMs = Number.POSITIVE_INFINITY;

  #callOff(): void {
    this.#wanted = false;
    this.#interrupt();
    this.#settle('was stopped');
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  reload(): Promise<void> {
    if (this.service.kind === 'oneshot') return this.restart();
    return this.#enqueue(async () => {
      const running = this.#process;
      if (running === undefined || !this.#wanted) throw new Error('is not running');
      const { reload } = this.service;
      if (reload === undefined) throw new Error('cannot reload; restart it');
      if (!this.#ready) await this.#untilReady(this.service.startTimeoutMs);
      if (reload.kind === 'signal') await this.#signalReload(running.pid, reload);
      else await runHelper(this.service, reload.command, helperTimeoutMs, running.pid);
      if (this.#process !== running) throw new Error('ended during its reload');
      this.#configuration = this.service.configuration;
      this.#context.changed();
    });
  }

  async #signalReload(pid: number, reload: Extract<Reload, { kind: 'signal' }>): Promise<void> {
    const before = workersOf(pid);
    signal(pid, reload.signal);
    if (reload.replacesWorkers === true) await untilWorkersReplaced(pid, before);
  }

  /** SIGKILLs the main process, as a fault. */
  kill(): void {
    if (this.#process === undefined) throw new Error('is not running');
    signal(this.#process.pid, 'SIGKILL');
  }

  #enqueue(work: () => Promise<void>): Promise<void> {
    const next = this.#queue.then(work, work);
    this.#queue = next.catch(() => undefined);
    return next;
  }

  #untilReady(timeoutMs: number): Promise<void> {
    return new Promise((done, fail) => {
      const waiter: Waiter = (failure) => {
        clearTimeout(timer);
        this.#waiters.delete(waiter);
        if (failure === undefined) done();
        else fail(new Error(failure));
      };
      const timer = setTimeout(
        () => waiter(this.#reason ?? `was not ready within ${timeoutMs} ms`),
        timeoutMs,
      );
      this.#waiters.add(waiter);
    });
  }

  #settle(failure?: string): void {
    for (const waiter of [...this.#waiters]) waiter(failure);
  }

  #interrupt(): void {
    for (const interrupt of [...this.#interrupts]) interrupt();
  }

  /** Waits for the first of `work` and a request to stop; true when it is the latter. */
  async #interruptible(work: Promise<unknown>): Promise<boolean> {
    if (!this.#wanted) return true;
    let interrupt = () => {};
    const interrupted = new Promise<boolean>((done) => {
      interrupt = () => done(true);
    });
    this.#interrupts.add(interrupt);
    try {
      return await Promise.race([interrupted, work.then(() => false)]);
    } finally {
      this.#interrupts.delete(interrupt);
    }
  }

  async #sleep(durationMs: number): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const slept = new Promise((done) => {
      timer = setTimeout(done, durationMs);
    });
    const stopping = await this.#interruptible(slept);
    clearTimeout(timer);
    return stopping;
  }

  #run(adopted?: ManagedProcess): void {
    this.#loop = this.#supervise(adopted).finally(() => {
      this.#loop = undefined;
      // A start may have been asked for while the last steps of a stop were under way.
      if (this.#wanted && !this.#done && !this.#failed) this.#run();
    });
  }

  async #supervise(adopted: ManagedProcess | undefined): Promise<void> {
    let current = adopted;
    let first = true;
    // The process of an earlier supervisor may have ended without its clean-up.
    if (current === undefined && this.#session !== null) await this.#cleanUp(this.#session);
    while (this.#wanted || current !== undefined) {
      if (current === undefined) {
        const delayMs = restartDelayMs(this.#exits, this.service.restart, performance.now());
        if (delayMs > 0 && (await this.#sleep(delayMs))) break;
        if (first && (await this.#interruptible(this.#context.predecessors(this.service)))) break;
        current = await this.#launch();
      }
      first = false;
      if (current !== undefined && (await this.#attend(current))) return;
      current = undefined;
    }
  }

  /** Undefined when the start failed (or was called off); the reason is noted. */
  async #launch(): Promise<ManagedProcess | undefined> {
    const { service } = this;
    try {
      await killLeftovers(service.name, this.#session);
      ensureDirectories(service);
      for (const command of service.beforeStart ?? []) {
        await runHelper(service, command, service.startTimeoutMs);
        if (!this.#wanted) return undefined;
      }
      if (!this.#wanted) return undefined;
      const started = await ownProcess(launch(service), Date.now());
      this.#process = started;
      this.#session = started.pid;
      this.#sinceMs = started.sinceMs;
      this.#definition = service.definition;
      this.#configuration = service.configuration;
      this.#context.changed();
      return started;
    } catch (error) {
      if (!this.#isRestarted) this.#wanted = false;
      const reason = error instanceof Error ? error.message : String(error);
      this.#noteEnd(`could not start: ${reason}`, !this.#isRestarted);
      return undefined;
    }
  }
  #session: number | null = null;

  /** Stays with the process to its end; true when the service needs no further start. */
  async #attend(process: ManagedProcess): Promise<boolean> {
    this.#session = process.pid;
    const { service } = this;
    let outcome = this.#ready ? 'ready' : await this.#awaitReady(process);
    if (outcome === 'ready') {
      this.#becameReady();
      const exited = process.exited;
      outcome = (await this.#interruptible(exited)) ? 'stopping' : await exited;
    }
    if (outcome === 'stopping') await this.#terminate(process);
    else if (outcome === 'timeout') signal(process.pid, 'SIGKILL');
    const exit = await process.exited;
    this.#process = undefined;
    this.#ready = false;
    this.#sinceMs = Date.now();
    // Now, and not after the clean-up: the agent may ask for the next start meanwhile.
    if (outcome !== 'stopping' && !this.#isRestarted) this.#wanted = false;
    const late = outcome === 'timeout' ? `was not ready within ${service.startTimeoutMs} ms` : undefined;
    const isOver = service.kind === 'oneshot' && outcome !== 'stopping';
    if (isOver && exit.success) return this.#oneshotEnded(undefined);
    await this.#cleanUp(process.pid);
    if (isOver) return this.#oneshotEnded(late ?? exit.text);
    if (outcome === 'stopping') return false;
    this.#noteEnd(late ?? exit.text, late !== undefined || !this.#wanted);
    return !this.#isRestarted;
  }

  /** A server that the agent starts is not started again behind its back: how, and whether, is a decision. */
  get #isRestarted(): boolean {
    return this.service.startedBy === 'always';
  }

  #oneshotEnded(failure: string | undefined): boolean {
    // What it did holds until it is stopped: there is nothing to clean up before.
    this.#session = null;
    this.#done = failure === undefined;
    this.#failed = failure !== undefined;
    this.#reason = failure ?? null;
    this.#context.changed();
    this.#settle(failure);
    return true;
  }

  async #awaitReady(process: ManagedProcess): Promise<Attempt> {
    let exit: ProcessExit | undefined;
    const exited = process.exited.then((value) => {
      exit = value;
    });
    const startedMs = performance.now();
    for (let looks = 0; ; looks += 1) {
      const aliveMs = performance.now() - startedMs;
      if (this.service.kind === 'daemon') {
        const look = isReady(this.service.readiness, aliveMs);
        if (await this.#interruptible(Promise.race([look, exited]))) return 'stopping';
        if (exit !== undefined) return exit;
        if (await look) return 'ready';
      }
      if (aliveMs > this.service.startTimeoutMs) return 'timeout';
      if (await this.#interruptible(Promise.race([sleep(pollDelayMs(looks)), exited]))) return 'stopping';
      if (exit !== undefined) return exit;
    }
  }

  #becameReady(): void {
    if (!this.#ready) {
      this.#ready = true;
      this.#context.changed();
    }
    this.#settle();
  }

  /** An end that nobody asked for. `isFatal` tells those who wait for the start at once. */
  #noteEnd(reason: string, isFatal = false): void {
    const now = performance.now();
    const { service } = this;
    this.#exits = [...recentExits(this.#exits, service.restart, now), now];
    this.#restarts += 1;
    this.#reason = reason;
    this.#sinceMs = Date.now();
    if (!this.#isRestarted) {
      this.#exits = [];
      this.#failed = !this.#wanted;
    }
    this.#context.log(`${service.name}: ${reason}`);
    this.#context.changed();
    if (isFatal || isCrashLoop(this.#exits, service.restart, now)) this.#settle(reason);
  }

  async #terminate(process: ManagedProcess): Promise<void> {
    const { stop } = this.service;
    signal(process.pid, stop.signal);
    // A process that was stopped (SIGSTOP) takes no signal until it goes on.
    signal(process.pid, 'SIGCONT');
    const limitMs = Math.min(stop.timeoutMs, this.#stopLimitMs);
    const ended = await Promise.race([process.exited.then(() => true), sleep(limitMs, false)]);
    if (!ended) signal(process.pid, 'SIGKILL');
  }

  /** What the main process left behind must be gone before anything else happens: it may hold ports and addresses. */
  async #cleanUp(session: number): Promise<void> {
    await killLeftovers(this.service.name, session);
    this.#session = null;
    await this.#runAfterStop();
  }

  async #runAfterStop(): Promise<void> {
    for (const command of this.service.afterStop ?? []) {
      await runHelper(this.service, command, helperTimeoutMs).catch((error: Error) =>
        this.#context.log(`${this.service.name}: after its end: ${error.message}`),
      );
    }
  }
}
