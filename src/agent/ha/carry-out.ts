/**
 * Carries out the decision core's effects against the real things, one at a time per channel, each with a connection of
 * its own: what hangs on one doesn't hold up the others.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { isAnswer, type MariadbConnection } from '#src/adapters/mariadb/connection.ts';
import type { Command, DatabaseEffect, ProcessEffect } from '#src/ha/effects.ts';
import type { DatabaseObservation } from '#src/ha/observation.ts';
import { finishClone, replaceData } from '../database/clone.ts';
import type { DatabaseMember } from '../database/member.ts';
import { DiskCheck } from './disk-check.ts';
import { saveErrant } from './errant.ts';
import { Observer } from './observe.ts';
import { type Outcome, outcomeOf, Refused, UnknownOutcome } from './outcome.ts';
import { RelayLog } from './relay-log.ts';
import { runStatement } from './statements.ts';
import type { HaStore, Reason } from './store.ts';
import type { Say } from './transactions.ts';

/** A server that doesn't answer within this is silent. */
const probeMs = 1_000;
const barrierMs = 1_000;
/** The supervisor tells of an exit within this time. */
const noticedWithinMs = 1_000;
/** After starts that failed: the pause before the next one, doubled each time. */
const firstPauseMs = 200;
const longestPauseMs = 5_000;

export class Executor {
  readonly #member: DatabaseMember;
  readonly #store: HaStore;
  readonly #connections: Record<'probe' | 'database' | 'barrier', MariadbConnection>;
  readonly #disk: DiskCheck;
  readonly observer: Observer;
  /** Told when the server's process ended. */
  onExit: () => void = () => undefined;
  /** Told what a long effect waits for. */
  onWait: Say = () => undefined;
  /** Told where errant transactions were saved. */
  onErrant: (paths: readonly string[]) => void = () => undefined;
  #failedStarts = 0;
  #stopped = false;

  constructor(member: DatabaseMember, store: HaStore) {
    this.#member = member;
    this.#store = store;
    this.#connections = {
      probe: member.newConnection(),
      database: member.newConnection(),
      barrier: member.newConnection(),
    };
    this.#disk = new DiskCheck(member.config.dataDirectory);
    this.observer = new Observer(member, this.#connections.probe, new RelayLog(member.config.dataDirectory));
    // The end of the server is seen at once, not at the next probe.
    this.#connections.probe.onLost = () => void this.#lost();
  }

  /** Ends what an earlier agent left behind on the server: its statements must not overtake this one's. */
  async begin(): Promise<void> {
    const connection = this.#member.connection;
    try {
      const rows = await connection.rows(
        `SELECT ID AS id FROM information_schema.PROCESSLIST
          WHERE USER = SUBSTRING_INDEX(CURRENT_USER(), '@', 1) AND ID <> CONNECTION_ID()`,
      );
      for (const { id } of rows) await connection.rows(`KILL ${Number(id)}`).catch(() => undefined);
      await finishClone(this.#member);
    } catch {
      // No server runs yet, or it is frozen, and finds these connections closed when it wakes.
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#disk.stop();
    for (const connection of Object.values(this.#connections)) connection.close();
  }

  /** Always answers. Rejects only for a bug. */
  async carryOut({ effect }: Command, reason: Reason): Promise<Outcome> {
    switch (effect.kind) {
      case 'grantLease':
      case 'keepAlive':
        return this.#store.lease(effect);
      case 'readCluster':
        return this.#store.cluster(effect);
      case 'putReport':
        return this.#store.report(effect);
      case 'takeLeader':
      case 'releaseLeader':
      case 'writeSync':
      case 'clearRequest':
        return this.#store.transact(effect, reason);
      case 'probeDatabase':
        return { outcome: 'ok', database: await this.#probe() };
      case 'writeBarrier':
        return outcomeOf(() => this.#barrier());
      case 'startServer':
      case 'killServer':
        return outcomeOf(() => this.#process(effect));
      default:
        return outcomeOf(() => this.#database(effect));
    }
  }

  async #probe(): Promise<DatabaseObservation> {
    try {
      const seen = await this.observer.observe(probeMs);
      this.#disk.enabled = !seen.readOnly;
      return this.#disk.hangs ? { state: 'silent' } : seen;
    } catch (error) {
      if ((await this.#isGone()) === true) return { state: 'down' };
      this.#member.log.warn('the server does not answer', { reason: (error as Error).message });
      return { state: 'silent' };
    }
  }

  async #barrier(): Promise<void> {
    const sql = 'REPLACE INTO tandem.barrier (holder, written) VALUES (?, ?)';
    await asUnknown(() => this.#connections.barrier.rows(sql, [this.#member.self, Date.now()], barrierMs));
  }

  async #process(effect: ProcessEffect): Promise<void> {
    const member = this.#member;
    if (effect.kind === 'killServer') {
      await asUnknown(() => member.killServer());
      return;
    }
    if (this.#failedStarts > 0) {
      const pauseMs = Math.min(longestPauseMs, firstPauseMs * 2 ** (this.#failedStarts - 1));
      await sleep(pauseMs);
    }
    this.#failedStarts += 1;
    // On a full disk it would hang at its first write, and for up to a minute after space was made.
    if (this.observer.isDiskFull()) {
      throw new Refused(`the disk of ${member.config.dataDirectory} is full: it starts when space was made`);
    }
    if (effect.recovery === 'SLAVE') await member.setMarker({ ...(await member.marker()), truncatedAt: '' });
    await member.startServer(effect.recovery);
    await finishClone(member);
    // Also after a later start as MASTER: the one before may have cut something off before it failed.
    const marker = await member.marker();
    if (marker.truncatedAt === '') {
      const row = await member.connection.row('SELECT @@global.gtid_binlog_pos AS position');
      await member.setMarker({ ...marker, truncatedAt: String(row?.['position'] ?? '') });
    }
    this.#failedStarts = 0;
  }

  async #database(effect: DatabaseEffect): Promise<void> {
    const member = this.#member;
    if (effect.kind === 'saveErrant') {
      this.onErrant(await saveErrant(member, effect.start, effect.epoch));
    } else if (effect.kind === 'clone') {
      await replaceData(member, { name: effect.donor, address: member.addressOf(effect.donor) });
    } else {
      await asUnknown(() => runStatement(member, this.#connections.database, effect, this.onWait));
      // They were ended on the server, with everybody else's.
      if (effect.kind === 'setServerId') for (const each of Object.values(this.#connections)) each.close();
    }
  }

  async #lost(): Promise<void> {
    // The supervisor notices a moment later; on a busy host, where this matters most, a longer one.
    const deadline = performance.now() + noticedWithinMs;
    for (
      let pauseMs = 10;
      performance.now() < deadline && !this.#stopped;
      pauseMs = Math.min(80, pauseMs * 1.5)
    ) {
      if ((await this.#isGone()) === true) {
        this.onExit();
        return;
      }
      await sleep(pauseMs);
    }
  }

  /** Undefined when the supervisor doesn't say. */
  async #isGone(): Promise<boolean | undefined> {
    return this.#member.service().then(
      ({ pid }) => pid === null,
      () => undefined,
    );
  }
}

/** An error that the server itself gave means that it didn't happen; anything else leaves it open. */
async function asUnknown(work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (isAnswer(error) || error instanceof Refused) throw error;
    throw new UnknownOutcome((error as Error).message);
  }
}
