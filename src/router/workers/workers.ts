/**
 * The workers of one router: started, given clients, replaced when they crash, and exchanged for new ones on a reload
 * without a moment at which nobody takes clients. A single worker that was never reloaded lives in the main process.
 */
import type { Socket } from 'node:net';
import { refusal } from '../clients/entrance.ts';
import { briskly, type Drained, type DrainTimes, gently } from '../drain.ts';
import { unknownThread } from '../errors.ts';
import { ownerOfId, workerSlots } from '../kill/connection-ids.ts';
import type { KillRequest } from '../kill/kill.ts';
import type { KillResult, RouterLog } from '../session/host.ts';
import { openTopology, type RouterSettings } from '../settings.ts';
import { ChildWorker, type Client } from './child-worker.ts';
import { defaultWorkers } from './count.ts';
import { LocalWorker } from './local-worker.ts';
import type { LastWords } from './messages.ts';
import { PastMetrics } from './past-metrics.ts';
import { sharesOf } from './quota.ts';
import type { RouterWorker } from './worker.ts';

export interface WorkersOptions {
  readonly settings: RouterSettings;
  /** src/bin/router-worker.ts */
  readonly program: string;
  /** The file of `SharedPositions`; it is there. */
  readonly positions: string;
  readonly log: RouterLog;
  /** KILL of a session of another host's router. */
  readonly killElsewhere: (request: KillRequest) => Promise<KillResult>;
}

/** Pauses before a worker is started again that ended as soon as it was there. */
const restartMs = { quick: 1_000, base: 100, most: 5_000 };

export class Workers {
  readonly #options: WorkersOptions;
  #settings: RouterSettings;
  readonly #all = new Map<number, RouterWorker>();
  /** Clients that came while no worker could take them. */
  readonly #waiting: Client[] = [];
  /** Those that clients can be given to; also while they drain, for what they say of themselves. */
  readonly #ready = new Set<RouterWorker>();
  /** What becomes of those that drain. */
  readonly #drains = new Map<RouterWorker, Promise<LastWords>>();
  readonly past = new PastMetrics();
  #ending = false;
  #quickExits = 0;
  #reloading: Promise<void> = Promise.resolve();

  private constructor(options: WorkersOptions) {
    this.#options = options;
    this.#settings = options.settings;
  }

  /** Fulfils when clients can come. Rejects when no worker can be started. */
  static async start(options: WorkersOptions): Promise<Workers> {
    const workers = new Workers(options);
    const count = workers.#count;
    if (count === 1) workers.#startLocal();
    else await workers.#startChildren(count);
    return workers;
  }

  get #count(): number {
    const { workers, maxConnectionsPerMember } = this.#settings;
    return workers ?? defaultWorkers(maxConnectionsPerMember);
  }

  /** Whether it has workers in processes of their own: then nothing of its clients may be read here. */
  get inProcesses(): boolean {
    return ![...this.#all.values()].some((worker) => worker instanceof LocalWorker);
  }

  get #serving(): readonly RouterWorker[] {
    return [...this.#all.values()].filter(({ draining }) => !draining);
  }

  /** Those that drain included. */
  get size(): number {
    return this.#all.size;
  }

  accept(socket: Socket, local: boolean): void {
    let clients = this.#waiting.length;
    let least: RouterWorker | undefined;
    for (const worker of this.#all.values()) {
      clients += worker.clients;
      if (worker.draining || !this.#ready.has(worker)) continue;
      if (least === undefined || worker.clients < least.clients) least = worker;
    }
    if (clients >= this.#settings.maxClientConnections && !(least instanceof LocalWorker)) {
      this.past.counts.refused++;
      socket.on('error', () => undefined);
      socket.end(refusal());
    } else if (least === undefined) this.#waiting.push({ socket, local });
    else least.accept(socket, local);
  }

  /** New workers with these settings, and the code as it is now; the old ones end. Rejects, and changes nothing, when they can't start. */
  reload(settings: RouterSettings): Promise<void> {
    this.#reloading = this.#reloading.then(
      () => this.#reload(settings),
      () => this.#reload(settings),
    );
    return this.#reloading;
  }

  /** All of them end; what became of their sessions. */
  async drain(timeoutMs: number): Promise<Drained> {
    this.#ending = true;
    for (const { socket } of this.#waiting.splice(0)) socket.destroy();
    const all = await Promise.all(
      [...this.#all.values()].map(
        (worker) => this.#drains.get(worker) ?? this.#drain(worker, briskly(timeoutMs)),
      ),
    );
    return {
      ended: all.reduce((sum, { ended }) => sum + ended, 0),
      cut: all.reduce((sum, { cut }) => sum + cut, 0),
    };
  }

  /** Ends all at once. */
  close(): void {
    this.#ending = true;
    for (const worker of this.#all.values()) worker.close();
  }

  /** Those that can be asked what they say of themselves, those that drain included. */
  get answering(): readonly RouterWorker[] {
    return [...this.#ready];
  }

  /** KILL of a session that one of this router's workers may have. */
  async kill(request: KillRequest): Promise<KillResult> {
    const worker = this.#all.get(ownerOfId(request.id)?.slot ?? -1);
    if (worker === undefined) return unknownThread(request.id);
    // A worker that ends meanwhile takes its sessions along.
    return worker.ask('kill', request).catch(() => unknownThread(request.id));
  }

  async #killElsewhere(request: KillRequest): Promise<KillResult> {
    const own = ownerOfId(request.id)?.router === this.#settings.number;
    return own ? this.kill(request) : this.#options.killElsewhere(request);
  }

  async #reload(settings: RouterSettings): Promise<void> {
    const before = this.#settings;
    this.#settings = settings;
    for (const worker of this.#serving)
      if (worker instanceof LocalWorker) worker.share(this.#options.positions);
    let started: readonly RouterWorker[];
    try {
      started = await this.#startChildren(this.#count);
    } catch (error) {
      this.#settings = before;
      throw error;
    }
    this.past.counts.reloads++;
    // They end by what they were told when they started.
    const old = this.#serving.filter((worker) => !started.includes(worker));
    for (const worker of old) void this.#drain(worker, gently(before.drainTimeoutMs));
    this.#share();
  }

  #drain(worker: RouterWorker, times: DrainTimes): Promise<LastWords> {
    const drained = this.#drained(worker, times);
    this.#drains.set(worker, drained);
    return drained;
  }

  async #drained(worker: RouterWorker, times: DrainTimes): Promise<LastWords> {
    const last = await worker.drain(times);
    const { ended, cut } = last;
    const { counts } = this.past;
    counts.drainedSessions += ended;
    counts.cutSessions += cut;
    this.#ready.delete(worker);
    this.past.ends(worker, last.metrics.length === 0 ? undefined : last.metrics);
    if (!this.#ending)
      this.#options.log.info(`worker ${worker.slot} has ended: ${drainedText(last, times.timeoutMs)}`);
    return last;
  }

  #startLocal(): void {
    const { log } = this.#options;
    const settings = this.#settings;
    const topology = openTopology(settings, log);
    const killElsewhere = (request: KillRequest) => this.#killElsewhere(request);
    const worker: LocalWorker = new LocalWorker(
      { config: settings, topology, log, slot: 0, killElsewhere },
      {
        onHeld: () => this.#share(),
        onEnd: () => {
          topology.close();
          this.#gone(worker);
        },
      },
    );
    this.#all.set(0, worker);
    this.#ready.add(worker);
  }

  /** All of them, or none. */
  async #startChildren(count: number): Promise<readonly RouterWorker[]> {
    const started = Array.from({ length: count }, () => this.#startChild(0));
    try {
      await Promise.all(started.map(({ ready }) => ready));
    } catch (error) {
      for (const worker of started) {
        this.#all.delete(worker.slot);
        worker.close();
      }
      throw error;
    }
    for (const worker of started) this.#serves(worker);
    return started;
  }

  /** With no connections of its own to the members before it serves: until then they are others'. */
  #startChild(limit: number): ChildWorker {
    const { program, positions, log } = this.#options;
    const slot = this.#freeSlot();
    const bufferBytes = Math.floor(this.#settings.bufferBytes / this.#count);
    const start = { settings: { ...this.#settings, bufferBytes }, slot, limit, positions };
    const beganMs = performance.now();
    const worker: ChildWorker = new ChildWorker(
      program,
      start,
      {
        killElsewhere: (request) => this.#killElsewhere(request),
        onHeld: () => this.#share(),
        onUnplaced: ({ socket, local }) => this.accept(socket, local),
        onExit: () => {
          const crashed = this.#ready.has(worker) && !worker.draining && !this.#ending;
          this.#gone(worker);
          if (crashed) this.#replace(performance.now() - beganMs);
        },
      },
      log,
    );
    this.#all.set(slot, worker);
    return worker;
  }

  #serves(worker: RouterWorker): void {
    this.#ready.add(worker);
    this.#share();
    for (const { socket, local } of this.#waiting.splice(0)) this.accept(socket, local);
  }

  #replace(livedMs: number): void {
    this.past.counts.crashes++;
    this.#quickExits = livedMs < restartMs.quick ? this.#quickExits + 1 : 0;
    const delayMs =
      this.#quickExits === 0 ? 0 : Math.min(restartMs.most, restartMs.base * 2 ** (this.#quickExits - 1));
    setTimeout(() => this.#startAgain(), delayMs);
  }

  #startAgain(): void {
    if (this.#ending || this.#serving.length >= this.#count) return;
    const beganMs = performance.now();
    const worker = this.#startChild(0);
    worker.ready.then(
      () => this.#serves(worker),
      () => {
        if (!this.#ending) this.#replace(performance.now() - beganMs);
      },
    );
  }

  /** The oldest one that drains makes room when there are too many. */
  #freeSlot(): number {
    for (let slot = 0; slot < workerSlots; slot++) if (!this.#all.has(slot)) return slot;
    const oldest = [...this.#all.values()].find(({ draining }) => draining);
    if (oldest === undefined) throw new Error(`more than ${workerSlots} workers`);
    oldest.close();
    this.#all.delete(oldest.slot);
    return oldest.slot;
  }

  #gone(worker: RouterWorker): void {
    this.past.ends(worker, undefined);
    this.#ready.delete(worker);
    this.#drains.delete(worker);
    if (this.#all.get(worker.slot) === worker) this.#all.delete(worker.slot);
    if (!this.#ending) this.#share();
  }

  /** Together they have no more connections to a member than the router may have. */
  #share(): void {
    const draining = [...this.#all.values()].filter((worker) => worker.draining).map(({ held }) => held);
    const serving = this.#serving.filter((worker) => this.#ready.has(worker));
    const shares = sharesOf(this.#settings.maxConnectionsPerMember, { draining, serving: serving.length });
    for (const [index, worker] of serving.entries()) worker.limit(shares[index] ?? 0);
  }
}

/** For the log. */
export function drainedText({ ended, cut }: Drained, timeoutMs: number): string {
  return `${ended} sessions ended${cut === 0 ? '' : `, ${cut} cut after ${timeoutMs} ms`}`;
}
