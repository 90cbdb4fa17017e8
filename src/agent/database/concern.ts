/**
 * The database member of this host. First its data (`decide.ts`): created, copied, or proved to be this stack's. Then
 * the decision core runs it (`../ha/driver.ts`), and what is left here is upkeep.
 */

import type { EtcdClient } from '#src/adapters/etcd/client.ts';
import { EtcdError } from '#src/adapters/etcd/errors.ts';
import { run } from '#src/adapters/process/run.ts';
import type { Cluster } from '#src/ha/keys.ts';
import { clause } from '#src/std/errors.ts';
import type { AgentDatabaseStatus } from '#src/topology/agent-api.ts';
import type { AgentContext } from '../context.ts';
import { haConfig } from '../ha/config.ts';
import { HaDriver } from '../ha/driver.ts';
import { saveErrant } from '../ha/errant.ts';
import { haStatus } from '../ha/status.ts';
import { HaStore } from '../ha/store.ts';
import { Loop } from '../loop.ts';
import { AccountKeeper } from './accounts-keep.ts';
import { purgeBinlogs } from './binlogs.ts';
import { cloneDatabase, NoCopyNow, replaceData } from './clone.ts';
import { createDatabase } from './create.ts';
import { type DataAction, type DataObservation, decideData } from './decide.ts';
import { Donor } from './donor.ts';
import { dataPresence, seriesOf, seriesOfData } from './files.ts';
import { claimInitialize, readInitialize, recordCreated } from './initialize.ts';
import { type Known, LostReplicas } from './lost-replicas.ts';
import { readMarker } from './marker.ts';
import { DatabaseMember } from './member.ts';

/** How often a running member's data is looked at: whether it is still there is no matter of failover. */
const upkeepMs = 2_000;
const waitingMs = 250;
const binlogCheckMs = 30_000;
const accountCheckMs = 10_000;

export class DatabaseConcern {
  readonly member: DatabaseMember;
  readonly donor: Donor;
  readonly #context: AgentContext;
  readonly #loop: Loop;
  #driver: HaDriver | undefined;
  #waiting: AgentDatabaseStatus = waitingStatus('the agent has just started');
  /** Why this member could not be given data, as a status; undefined when it was not tried, or succeeded. */
  #failure: string | undefined;
  #installedSeries: string | undefined;
  #recorded = false;
  #binlogsCheckedMs = Number.NEGATIVE_INFINITY;
  readonly #accounts: AccountKeeper;
  readonly #lostReplicas: LostReplicas;
  #accountsCheckedMs = Number.NEGATIVE_INFINITY;
  /** Why the accounts of the stack file are not all in place; undefined when they are. */
  #accountsPending: string | undefined;
  #lastSentence = '';
  #rejoinFrom: string | undefined;

  constructor(context: AgentContext, options: { peerPort?: number } = {}) {
    const config = context.config.database;
    if (config === undefined) throw new Error('this host has no database');
    this.#context = context;
    this.member = new DatabaseMember(context, config, options);
    this.donor = new Donor(this.member);
    this.#accounts = new AccountKeeper(this.member);
    this.#lostReplicas = new LostReplicas(this.member, () => this.#known());
    if (config.accounts.length > 0) this.#accountsPending = 'the accounts of the stack file are being made';
    this.#loop = new Loop({
      name: 'database',
      intervalMs: upkeepMs,
      log: this.member.log,
      step: () => this.#step(),
    });
  }

  /** Undefined until the member has data to run on. */
  get driver(): HaDriver | undefined {
    return this.#driver;
  }

  get status(): AgentDatabaseStatus {
    if (this.#driver === undefined) return this.#waiting;
    const status = haStatus(this.#driver);
    const pending = this.#accountsPending;
    return pending === undefined || status.role !== 'primary' ? status : { ...status, pending };
  }

  /** Whether the server takes writes, as last seen. */
  get writable(): boolean {
    const seen = this.#driver?.state.database?.value;
    return seen?.state === 'up' && !seen.readOnly;
  }

  get etcd(): EtcdClient {
    return this.#context.etcd;
  }

  get store(): HaStore {
    return new HaStore(this.etcd, this.member.self);
  }

  /** Copies the data anew from a member, in the loop's next step. */
  rejoin(from: string): void {
    this.#rejoinFrom = from;
    this.#loop.wake();
  }

  stop(): void {
    this.#loop.stop();
    this.#driver?.stop();
    this.member.connection.close();
    this.#accounts.close();
    this.#lostReplicas.stop();
  }

  async #step(): Promise<number> {
    const action = decideData(await this.#observe());
    this.#explain(action);
    this.#context.warnings.set(
      'database',
      action.kind === 'refuse' ? `Database: ${action.reason}.` : undefined,
    );
    if (action.kind !== 'run') this.#halt();
    switch (action.kind) {
      case 'refuse':
      case 'wait':
        this.#waiting = waitingStatus(action.reason, action.kind === 'refuse');
        return waitingMs;
      case 'claim': {
        const { self, stackId } = this.member;
        await claimInitialize(this.#context.etcd, { stackId, creator: self, state: 'creating' });
        return 0;
      }
      case 'create':
        await this.#fill('creating the database', () => createDatabase(this.member));
        return 0;
      case 'clone':
        await this.#fill(`copying from ${action.from}`, () => this.#clone(action.from));
        return 0;
      case 'run':
        await this.#run();
        return upkeepMs;
      default:
        return action satisfies never;
    }
  }

  async #observe(): Promise<DataObservation> {
    const { member } = this;
    const { dataDirectory, members } = member.config;
    const marker = await readMarker(dataDirectory);
    const data = await dataPresence(dataDirectory);
    const settled =
      marker !== undefined && marker !== 'damaged' && marker.state !== 'creating' && data === 'present';
    this.#installedSeries ??= seriesOf((await run(['mariadbd', '--version'], { timeoutMs: 10_000 })).stdout);
    return {
      self: member.self,
      stackId: member.stackId,
      members: members.map((each) => each.name),
      data,
      marker,
      installedSeries: this.#installedSeries,
      dataSeries:
        data === 'present' && this.#driver === undefined ? await seriesOfData(dataDirectory) : undefined,
      // A member with proved data asks nobody whether it may run: an etcd outage alone interrupts nothing.
      initialize: settled ? 'unknown' : await readInitialize(this.#context.etcd),
      cluster: data === 'present' ? 'unknown' : await this.#readCluster(),
    };
  }

  async #readCluster(): Promise<Cluster | 'unknown'> {
    try {
      return await this.store.read(1_500);
    } catch (error) {
      if (error instanceof EtcdError) return 'unknown';
      throw error;
    }
  }

  async #run(): Promise<void> {
    if (this.#rejoinFrom !== undefined) await this.#rejoin(this.#rejoinFrom);
    if (!this.#recorded) {
      this.#recorded = await recordCreated(this.#context.etcd, this.member.self, this.member.stackId);
    }
    if (this.#driver === undefined) {
      this.#driver = new HaDriver(this.#context, this.member, haConfig(this.#context, this.member));
      await this.#driver.start();
    }
    await this.#keepBinlogs(this.#driver);
    await this.#keepAccounts();
  }

  /** `up` waits for as long as a copy goes on: one that has failed says so until it has succeeded. */
  async #fill(what: string, work: () => Promise<void>): Promise<void> {
    this.#waiting = waitingStatus(this.#failure ?? what);
    try {
      await work();
      this.#failure = undefined;
    } catch (error) {
      const sentence = `no data yet: ${what} failed: ${clause((error as Error).message)}; tried again`;
      this.#waiting = waitingStatus(sentence);
      // A donor that gives no copy now, as to the second that asks, may give one in a moment.
      if (!(error instanceof NoCopyNow)) this.#failure = sentence;
      throw error;
    }
  }

  async #clone(from: string): Promise<void> {
    const { member } = this;
    const place = await cloneDatabase(member, { name: from, address: member.addressOf(from) });
    if (place === undefined) return;
    const sentence = `Database: data was missing from ${member.self}, which was copied anew from ${from}; what was left is in ${place}, to be looked at and removed.`;
    member.log.warn(sentence);
    this.#context.warnings.set(`remnants ${place}`, sentence);
  }

  /** What only this member has is saved: everything beyond the beginning of the epoch that it followed last. */
  async #rejoin(from: string): Promise<void> {
    const { member } = this;
    const cluster = this.#driver?.state.cluster?.value;
    this.#rejoinFrom = undefined;
    this.#halt();
    this.#waiting = waitingStatus(`copying its data anew from ${from}, as asked`);
    const epoch = cluster?.sync?.epoch ?? 0;
    const start = cluster?.history.findLast((entry) => entry.epoch <= epoch)?.start ?? [];
    const saved = await saveErrant(member, start, epoch);
    member.log.info('what was here is saved', { files: saved.join() });
    await replaceData(member, { name: from, address: member.addressOf(from) });
  }

  #known(): Known | undefined {
    const state = this.#driver?.state;
    if (state === undefined) return undefined;
    return { server: state.database?.value, members: state.cluster?.value.members ?? {} };
  }

  /** What runs goes on: only this agent's deciding ends. */
  #halt(): void {
    this.#driver?.stop();
    this.#driver = undefined;
  }

  async #keepBinlogs(driver: HaDriver): Promise<void> {
    if (performance.now() - this.#binlogsCheckedMs < binlogCheckMs) return;
    const server = driver.state.database?.value;
    const cluster = driver.state.cluster?.value;
    if (server?.state !== 'up' || cluster === undefined) return;
    this.#binlogsCheckedMs = performance.now();
    const hindrance = await purgeBinlogs(this.member, cluster.members);
    this.#context.warnings.set('binlogs', hindrance);
  }

  async #keepAccounts(): Promise<void> {
    if (!this.writable || performance.now() - this.#accountsCheckedMs < accountCheckMs) return;
    try {
      const sync = this.#driver?.state.cluster?.value.sync;
      // Nothing is taken from anybody as long as it is not known who counts.
      if (sync == null) return;
      const counted = [...sync.members, ...sync.mayAcknowledge, sync.joining ?? ''];
      this.#accountsPending = await this.#accounts.keep(counted);
      this.#accountsCheckedMs = performance.now();
    } catch (error) {
      // No longer the primary, or its server is busy: looked at again soon.
      this.member.log.warn('accounts are not as the stack file has them', {
        error: (error as Error).message,
      });
      return;
    }
    this.#context.warnings.set('accounts', this.#accountsPending);
  }

  #explain(action: DataAction): void {
    const sentence = `${action.kind}: ${action.reason}`;
    if (sentence === this.#lastSentence) return;
    this.#lastSentence = sentence;
    this.member.log.info('decided', { action: action.kind, reason: action.reason });
  }
}

function waitingStatus(explanation: string, refuses = false): AgentDatabaseStatus {
  const nothing = { role: 'unknown', ready: false, sync: false, lagSeconds: null } as const;
  const failover = { possible: false, reason: explanation };
  return { ...nothing, explanation, refuses, epoch: null, sinceMs: null, received: null, failover };
}
