/** The database member's loop: what is there, what to do about it (`decide.ts`), doing it; and what to say of it. */
import { run } from '#src/adapters/process/run.ts';
import type { AgentDatabaseStatus } from '#src/topology/agent-api.ts';
import type { AgentContext } from '../context.ts';
import { Loop } from '../loop.ts';
import { askReceived, purgeBinlogs } from './binlogs.ts';
import { cloneDatabase } from './clone.ts';
import { createDatabase } from './create.ts';
import { type DatabaseAction, type DatabaseObservation, decideDatabase } from './decide.ts';
import { Donor } from './donor.ts';
import { dataPresence, seriesOf, seriesOfData } from './files.ts';
import { follow } from './follow.ts';
import { claimInitialize, readInitialize, recordCreated } from './initialize.ts';
import { type LeadState, lead } from './lead.ts';
import { readMarker } from './marker.ts';
import { DatabaseMember } from './member.ts';
import { leadStatus, type MemberView, replicaView } from './view.ts';

const steadyMs = 500;
const busyMs = 100;
const waitingMs = 250;
/** How often the record in etcd is looked at once it is known to be right. */
const recordCheckMs = 60_000;
const binlogCheckMs = 30_000;

export class DatabaseConcern {
  readonly member: DatabaseMember;
  readonly donor: Donor;
  readonly #context: AgentContext;
  readonly #loop: Loop;
  readonly #leadState: LeadState = { aloneSinceMs: undefined };
  #view: MemberView;
  #installedSeries: string | undefined;
  #recordCheckedMs = Number.NEGATIVE_INFINITY;
  #binlogsCheckedMs = Number.NEGATIVE_INFINITY;
  #lastSentence = '';

  constructor(context: AgentContext, options: { peerPort?: number } = {}) {
    const config = context.config.database;
    if (config === undefined) throw new Error('this host has no database');
    this.#context = context;
    this.member = new DatabaseMember(context, config, options);
    this.donor = new Donor(this.member);
    this.#view = waitingView('the agent has just started', undefined);
    this.#loop = new Loop({
      name: 'database',
      intervalMs: steadyMs,
      log: this.member.log,
      step: () => this.#step(),
    });
    // The end of the server is seen at once, not at the next look.
    this.member.connection.onLost = () => this.#loop.wake();
  }

  get status(): AgentDatabaseStatus {
    return this.#view.status;
  }

  get view(): MemberView {
    return this.#view;
  }

  stop(): void {
    this.#loop.stop();
    this.member.connection.close();
  }

  async #step(): Promise<number> {
    try {
      const seen = await this.#observe();
      const action = decideDatabase(seen);
      const pauseMs = await this.#act(action, seen);
      this.#explain(action);
      return pauseMs;
    } catch (error) {
      this.#view = waitingView((error as Error).message, this.#view.primary);
      throw error;
    }
  }

  async #observe(): Promise<DatabaseObservation> {
    const { member } = this;
    const { dataDirectory, members } = member.config;
    const marker = await readMarker(dataDirectory);
    const data = await dataPresence(dataDirectory);
    const settled =
      marker !== undefined && marker !== 'damaged' && marker.state !== 'creating' && data === 'present';
    // A member with proved data asks nobody whether it may serve: an etcd outage alone interrupts nothing.
    const initialize = settled ? 'unknown' : await readInitialize(this.#context.etcd);
    const answering = settled && (await member.answers());
    this.#installedSeries ??= seriesOf((await run(['mariadbd', '--version'], { timeoutMs: 10_000 })).stdout);
    return {
      self: member.self,
      stackId: member.stackId,
      members: members.map((each) => each.name),
      data,
      marker,
      installedSeries: this.#installedSeries,
      dataSeries: data === 'present' && !answering ? await seriesOfData(dataDirectory) : undefined,
      initialize,
      answering,
    };
  }

  async #act(action: DatabaseAction, seen: DatabaseObservation): Promise<number> {
    const { member } = this;
    const marker = typeof seen.marker === 'object' ? seen.marker : undefined;
    this.#context.warnings.set(
      'database',
      action.kind === 'refuse' ? `Database: ${action.reason}.` : undefined,
    );
    switch (action.kind) {
      case 'refuse':
      case 'wait':
        this.#view = waitingView(action.reason, undefined, action.kind === 'refuse');
        return waitingMs;
      case 'claim':
        await claimInitialize(this.#context.etcd, {
          stackId: member.stackId,
          creator: member.self,
          state: 'creating',
        });
        return 0;
      case 'create':
        this.#view = waitingView('creating the database', member.self);
        await createDatabase(member);
        return 0;
      case 'clone':
        this.#view = waitingView(`copying from ${action.from}`, action.from);
        await cloneDatabase(member, this.#addressed(action.from));
        return 0;
      case 'start':
        this.#view = waitingView('starting the server', marker?.primary);
        await member.startServer();
        return busyMs;
      case 'lead': {
        if (marker === undefined) return waitingMs;
        const result = await lead(member, marker, this.#leadState);
        this.#view = {
          status: leadStatus(result),
          primary: member.self,
          probe: result.probe,
          receivedPosition: undefined,
        };
        const degraded = result.sync.degraded && member.config.sync !== 'async';
        this.#context.warnings.set('sync', degraded ? `Database: ${result.sync.reason}.` : undefined);
        await this.#keepRecord();
        await this.#keepBinlogs();
        return result.probe.acknowledging > 0 ? steadyMs : busyMs;
      }
      case 'follow': {
        if (marker === undefined) return waitingMs;
        const result = await follow(member, marker, this.#addressed(action.primary));
        this.#view = replicaView(result, action.primary, member.config.sync);
        const error = result.status?.lastError;
        this.#context.warnings.set('replication', error === undefined ? undefined : `Replication: ${error}.`);
        return this.#view.status.ready ? steadyMs : busyMs;
      }
      default:
        return action satisfies never;
    }
  }

  async #keepBinlogs(): Promise<void> {
    if (performance.now() - this.#binlogsCheckedMs < binlogCheckMs) return;
    this.#binlogsCheckedMs = performance.now();
    const hindrance = await purgeBinlogs(this.member, (address) => askReceived(this.member, address));
    this.#context.warnings.set('binlogs', hindrance);
  }

  #addressed(name: string): { name: string; address: string } {
    const found = this.member.config.members.find((each) => each.name === name);
    if (found === undefined) throw new Error(`the primary ${name} is no member of this stack any more`);
    return found;
  }

  async #keepRecord(): Promise<void> {
    if (performance.now() - this.#recordCheckedMs < recordCheckMs) return;
    const record = { stackId: this.member.stackId, creator: this.member.self, state: 'created' } as const;
    if (await recordCreated(this.#context.etcd, record)) this.#recordCheckedMs = performance.now();
  }

  #explain(action: DatabaseAction): void {
    const sentence = `${action.kind}: ${action.reason}`;
    if (sentence === this.#lastSentence) return;
    this.#lastSentence = sentence;
    this.member.log.info('decided', { action: action.kind, reason: action.reason });
  }
}

function waitingView(explanation: string, primary: string | undefined, refuses = false): MemberView {
  const nothing = { role: 'unknown', ready: false, sync: false, lagSeconds: null } as const;
  return {
    status: { ...nothing, explanation, refuses },
    primary,
    probe: undefined,
    receivedPosition: undefined,
  };
}
