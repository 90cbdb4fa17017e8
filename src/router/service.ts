/**
 * The SQL router of a host as a service: the main process. It holds the addresses and the connection to the other hosts'
 * routers, and gives clients to its workers; SIGHUP exchanges these, SIGTERM ends everything.
 */
import { randomUUID } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Listeners } from './clients/listeners.ts';
import { unknownThread } from './errors.ts';
import type { Peers } from './kill/peers.ts';
import type { ControlEndpoint } from './operation/control.ts';
import type { RouterLog } from './session/host.ts';
import { type RouterSettings, readSettings } from './settings.ts';
import { drainedText, Workers } from './workers/workers.ts';

export class RouterService {
  readonly #file: string;
  readonly #log: RouterLog;
  readonly #workers: Workers;
  readonly #positions: string;
  #settings: RouterSettings;
  #listeners: Listeners;
  #control: ControlEndpoint | undefined;
  #peers: Peers | undefined;
  #stopping = false;

  private constructor(
    file: string,
    log: RouterLog,
    settings: RouterSettings,
    positions: string,
    workers: Workers,
    listeners: Listeners,
  ) {
    this.#file = file;
    this.#log = log;
    this.#settings = settings;
    this.#positions = positions;
    this.#workers = workers;
    this.#listeners = listeners;
  }

  /** `program`: src/bin/router-worker.ts. Rejects when the file can't be read, or an address can't be had. */
  static async start(file: string, program: string, log: RouterLog): Promise<RouterService> {
    const settings = await readSettings(file);
    const positions = positionsFile(settings);
    writeFileSync(positions, '', { mode: 0o600 });
    let service: RouterService | undefined;
    const workers = await Workers.start({
      settings,
      program,
      positions,
      log,
      killElsewhere: async (request) =>
        (await service?.openPeers())?.kill(request) ?? unknownThread(request.id),
    });
    const listeners = await Listeners.open(settings.listen, (socket, local) => workers.accept(socket, local));
    if (workers.inProcesses) listeners.handTo((socket, local) => workers.accept(socket, local));
    service = new RouterService(file, log, settings, positions, workers, listeners);
    return service;
  }

  /** Of TCP, where it listens there. */
  get port(): number | undefined {
    return this.#listeners.port;
  }

  /** What clients don't wait for. */
  async openControl(): Promise<void> {
    await this.openPeers();
    const { control } = this.#settings;
    if (control === undefined) return;
    const { ControlEndpoint } = await import('./operation/control.ts');
    const { WholeRouter } = await import('./workers/whole-router.ts');
    this.#control = await ControlEndpoint.open(new WholeRouter(this.#workers), control.socketPath);
  }

  async openPeers(): Promise<Peers | undefined> {
    const { peers } = this.#settings;
    if (peers === undefined) return undefined;
    const { Peers } = await import('./kill/peers.ts');
    this.#peers ??= new Peers(peers, (request) => this.#workers.kill(request), this.#log);
    return this.#peers;
  }

  /** The configuration file as it is now, by new workers; what fails changes nothing. */
  async reload(): Promise<void> {
    try {
      const settings = await readSettings(this.#file);
      const accept = this.#workers.accept.bind(this.#workers);
      this.#listeners.handTo(accept);
      await this.#workers.reload(settings);
      const before = this.#settings;
      this.#settings = settings;
      await this.#listenAnew(before, accept);
      if (settings.peers !== undefined) (await this.openPeers())?.update(settings.peers);
      this.#log.info('reloaded: new workers take the clients');
    } catch (error) {
      this.#log.warn(`not reloaded, everything stays as it was: ${(error as Error).message} (${this.#file})`);
    }
  }

  /** The first time lets sessions end what they are at; a second one doesn't. Fulfils when all is over. */
  async stop(): Promise<void> {
    if (!this.#stopping) {
      this.#stopping = true;
      this.#listeners.close();
      const { drainTimeoutMs } = this.#settings;
      const drained = await this.#workers.drain(drainTimeoutMs);
      this.#log.info(`drained: ${drainedText(drained, drainTimeoutMs)}`);
    }
    this.#workers.close();
    this.#peers?.close();
    this.#control?.close();
    rmSync(this.#positions, { force: true });
  }

  async #listenAnew(before: RouterSettings, accept: Workers['accept']): Promise<void> {
    if (JSON.stringify(before.listen) === JSON.stringify(this.#settings.listen)) return;
    const listeners = await Listeners.open(this.#settings.listen, accept);
    listeners.handTo(accept);
    this.#listeners.close();
    this.#listeners = listeners;
  }
}

/** In the router's own directory, which is in memory where the system has it so. */
function positionsFile({ listen: { socketPath } }: RouterSettings): string {
  if (socketPath !== undefined) return `${socketPath}.positions`;
  return join(tmpdir(), `tandem-router-${randomUUID()}.positions`);
}
