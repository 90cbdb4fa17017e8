/** All services of one host: definitions, start order, and what survives the supervisor itself. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { DefinedService } from '#src/adapters/supervisor-client.ts';
import type { ServiceStatus } from '#src/plan/observed.ts';
import { Keeper } from './keeper.ts';
import { store } from './store.ts';
import { Unit, type UnitContext } from './unit.ts';

/** Longest wait of a starting service for those that it comes after. */
const predecessorLimitMs = 30_000;

export class UnknownServiceError extends Error {}

export class Supervisor {
  readonly #units = new Map<string, Unit>();
  readonly #keeper = new Keeper(() => this.#save());
  readonly #log: (text: string) => void;
  #isStopping = false;

  constructor(log: (text: string) => void) {
    this.#log = log;
  }

  get keeperPid(): number | null {
    return this.#keeper.identity?.pid ?? null;
  }

  /** Adopts what an earlier supervisor left running, or, on a host that has just been started, starts what belongs up. */
  boot(): void {
    const records = store.records();
    for (const service of store.definitions()) this.#add(service);
    for (const record of records?.units ?? []) {
      const unit = this.#units.get(record.name);
      if (unit !== undefined) unit.resume(record);
    }
    this.#keeper.start(records?.keeper ?? null);
    if (records !== undefined) return;
    for (const unit of this.#units.values()) {
      if (unit.service.startedBy === 'always') unit.start().catch(() => undefined);
    }
  }

  define(services: readonly DefinedService[]): void {
    const names = new Set(services.map((service) => service.name));
    for (const service of services) {
      const unit = this.#units.get(service.name);
      if (unit === undefined) this.#add(service);
      else {
        unit.service = service;
        unit.defined = true;
      }
    }
    for (const unit of this.#units.values()) {
      if (!names.has(unit.service.name)) unit.defined = false;
    }
    this.#dropForgotten();
    this.#saveDefinitions();
    this.#save();
  }

  statuses(): readonly ServiceStatus[] {
    return [...this.#units.values()].map((unit) => unit.status);
  }

  async act(name: string, action: 'start' | 'stop' | 'restart' | 'reload' | 'kill'): Promise<ServiceStatus> {
    const unit = this.#units.get(name);
    if (unit === undefined) throw new UnknownServiceError(`there is no service '${name}' on this host`);
    if (this.#isStopping) throw new Error('is not touched any more: the host is being shut down');
    await unit[action]();
    const { status } = unit;
    if (action === 'stop') {
      this.#dropForgotten();
      this.#saveDefinitions();
    }
    return status;
  }

  /** Stops everything side by side, and the keeper first, so that nobody comes back. */
  async shutdown(graceMs: number): Promise<void> {
    this.#isStopping = true;
    this.#keeper.stop();
    await Promise.all([...this.#units.values()].map((unit) => unit.stop(graceMs)));
    store.removeRecords();
  }

  #add(service: DefinedService): void {
    const context: UnitContext = {
      changed: () => this.#save(),
      log: this.#log,
      predecessors: (waiting) => this.#predecessors(waiting),
    };
    this.#units.set(service.name, new Unit(service, context));
  }

  #dropForgotten(): void {
    for (const [name, unit] of this.#units) {
      if (!unit.defined && unit.isIdle && !unit.wanted) this.#units.delete(name);
    }
  }

  async #predecessors(service: DefinedService): Promise<void> {
    // Those that are started in the same breath must have said that they are wanted.
    await new Promise((done) => setImmediate(done));
    const deadline = performance.now() + predecessorLimitMs;
    const units = service.after.flatMap((name) => this.#units.get(name) ?? []);
    while (units.some((unit) => unit.wanted && !unit.isSettled) && performance.now() < deadline) {
      await sleep(20);
    }
  }

  #saveDefinitions(): void {
    store.saveDefinitions([...this.#units.values()].map((unit) => unit.service));
  }

  /** A full disk must not end the supervisor: what runs goes on, and the next change tries again. */
  #save(): void {
    if (this.#isStopping) return;
    try {
      const units = [...this.#units.values()].map((unit) => unit.record);
      store.saveRecords({ keeper: this.#keeper.identity, units });
    } catch (error) {
      this.#log(`could not write the supervisor's state: ${String(error)}`);
    }
  }
}
