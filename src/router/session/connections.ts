/**
 * The server connections of a session: at most one to the primary and one to a replica. A connection that another
 * session used before is reset; that goes out together with the session's own command, so that it costs no round trip.
 * A schema or settings that have to be set are waited for, but for those that can't fail: with one of them missing the
 * command would do something else.
 */
import { command, responseShape } from '#src/mysql-wire/commands.ts';
import { commandPacket } from '#src/mysql-wire/framing.ts';
import { ProtocolError } from '#src/mysql-wire/protocol-error.ts';
import {
  type ConnectionOwner,
  failureOf,
  type OwnAnswer,
  type ServerConnection,
} from '../servers/connection.ts';
import type { LoginKey } from '../servers/login.ts';
import { changedRole, keyTextOf, type MemberPool, PoolBusy } from '../servers/pool.ts';
import { closePacket } from './prepared.ts';
import { noSettings, type Settings, type Slot } from './routes.ts';

/** Where connections come from: the pools of the members that there are now. */
export interface PoolSource {
  /** Undefined while no primary is known. */
  primaryPool(): MemberPool | undefined;
  replicaPool(member: string): MemberPool | undefined;
  /** Settles at the next change of the members, or after `ms`. */
  changed(ms: number): Promise<void>;
  /** Counts a statement that waits for a primary: it begins to, or no longer does. */
  holds(begins: boolean): void;
}

/** What the session wants its connections to have. */
export interface WantedState {
  readonly schema: string | undefined;
  readonly settings: Settings;
}

interface Attached {
  readonly connection: ServerConnection;
  readonly pool: MemberPool;
}

const resetPacket = commandPacket(command.resetConnection);
/** Between attempts to reach a primary that should be there. */
const retryMs = 50;
/** Errors of a server that pass: too many connections, shutting down. */
const passing: ReadonlySet<number> = new Set([1040, 1053, 1203]);

export class SessionConnections {
  readonly #owner: ConnectionOwner;
  readonly #source: PoolSource;
  readonly #key: LoginKey;
  /** Stands for the session since its login or its last reset: connections that it left behind have a state of that. */
  readonly #state: object = {};
  #primary: Attached | undefined;
  #replica: Attached | undefined;

  constructor(owner: ConnectionOwner, source: PoolSource, key: LoginKey) {
    this.#owner = owner;
    this.#source = source;
    this.#key = key;
  }

  /** The connection that a statement can go to at once: there, and in the state that the session wants. */
  ready(slot: Slot, member: string | undefined, wanted: WantedState): ServerConnection | undefined {
    const attached = slot === 'primary' ? this.#primary : this.#replica;
    if (attached === undefined || attached.pool.retired) return undefined;
    if (member !== undefined && attached.pool.member.name !== member) return undefined;
    const { connection } = attached;
    return connection.database === wanted.schema && connection.settings === wanted.settings
      ? connection
      : undefined;
  }

  poolOf(connection: ServerConnection): MemberPool | undefined {
    return this.#attachedOf(connection)?.pool;
  }

  /** Whether its member is no longer what it was: the session hears that the connection is lost. */
  leavesRetired(connection: ServerConnection): boolean {
    if (this.poolOf(connection)?.retired !== true) return false;
    connection.lose(changedRole);
    return true;
  }

  slotOf(connection: ServerConnection): Slot {
    return this.#replica?.connection === connection ? 'replica' : 'primary';
  }

  in(slot: Slot): ServerConnection | undefined {
    return (slot === 'primary' ? this.#primary : this.#replica)?.connection;
  }

  /**
   * A connection to the primary, waiting for one until `deadlineMs` (of `performance.now`). Rejects with the server's
   * ProtocolError, or an Error that says what was tried.
   */
  async attachPrimary(
    wanted: WantedState,
    deadlineMs: number,
    stop: () => boolean,
  ): Promise<ServerConnection> {
    let why = 'there is no primary';
    let held = false;
    try {
      while (!stop()) {
        const leftMs = deadlineMs - performance.now();
        if (leftMs <= 0) break;
        const pool = this.#source.primaryPool();
        try {
          const attached = this.#primary?.connection;
          if (attached !== undefined && !this.leavesRetired(attached)) {
            return await this.bringUp(attached, wanted, leftMs);
          }
          if (stop()) break;
          if (pool !== undefined) return await this.#take('primary', pool, wanted, leftMs);
        } catch (error) {
          const passes = !(error instanceof ProtocolError) || passing.has(error.errno);
          if (!passes || error instanceof PoolBusy) throw error;
          why = `${pool?.member.name ?? 'the primary'}: ${(error as Error).message}`;
        }
        if (!held) this.#source.holds(true);
        held = true;
        await this.#source.changed(pool === undefined ? leftMs : Math.min(retryMs, leftMs));
      }
    } finally {
      if (held) this.#source.holds(false);
    }
    throw new Error(why);
  }

  /** A connection to that replica, which must answer within `answerMs`; rejects at once when it can't be had. */
  async attachReplica(member: string, wanted: WantedState, answerMs: number): Promise<ServerConnection> {
    const attached = this.#replica;
    if (attached?.pool.member.name === member && !this.leavesRetired(attached.connection)) {
      return this.bringUp(attached.connection, wanted, answerMs);
    }
    const pool = this.#source.replicaPool(member);
    if (pool === undefined) throw new Error(`${member} is no replica`);
    return this.#take('replica', pool, wanted, answerMs);
  }

  /** Gives the connection back; `resetNow` when it holds what others could have to wait for. */
  release(connection: ServerConnection, resetNow: boolean): void {
    const attached = this.#attachedOf(connection);
    this.forget(connection);
    attached?.pool.release(connection, resetNow);
  }

  /** It broke: no longer in a slot. */
  forget(connection: ServerConnection): void {
    if (this.#primary?.connection === connection) this.#primary = undefined;
    if (this.#replica?.connection === connection) this.#replica = undefined;
  }

  async #take(
    slot: Slot,
    pool: MemberPool,
    wanted: WantedState,
    answerMs: number,
  ): Promise<ServerConnection> {
    const { schema } = wanted;
    const keyText = keyTextOf(this.#key, schema);
    const connection = await pool.acquire({ key: this.#key, schema, keyText }, this.#state);
    if (!connection.open) throw new Error('the connection broke');
    const before = this.in(slot);
    if (before !== undefined) this.release(before, false);
    const attached = { connection, pool };
    if (slot === 'primary') this.#primary = attached;
    else this.#replica = attached;
    connection.owner = this.#owner;
    if (connection.stateOf === this.#state) closeGone(connection, this.#owner);
    return this.bringUp(connection, wanted, answerMs);
  }

  /** Gives a connection that the session has what it lacks of the state that is wanted; it must answer within `answerMs`. */
  async bringUp(
    connection: ServerConnection,
    wanted: WantedState,
    answerMs: number,
  ): Promise<ServerConnection> {
    const answers: Promise<OwnAnswer>[] = [];
    connection.channel.cork();
    if (connection.stateOf !== this.#state) {
      if (connection.used) {
        askUnawaited(connection, resetPacket, 'could not reset');
        connection.statements.clear();
      }
      connection.settings = noSettings;
      connection.used = true;
      connection.stateOf = this.#state;
    }
    if (connection.database !== wanted.schema && wanted.schema !== undefined) {
      const packet = commandPacket(command.initDb, Buffer.from(wanted.schema));
      answers.push(connection.asked(packet, responseShape.result));
    }
    if (connection.settings !== wanted.settings) {
      // All of them: one may have replaced an earlier one, and each is a plain SET to a literal.
      for (const { sql, sure } of wanted.settings) {
        const packet = commandPacket(command.query, Buffer.from(sql));
        if (sure === true) askUnawaited(connection, packet, 'could not restore the session');
        else answers.push(connection.asked(packet, responseShape.result));
      }
    }
    connection.channel.uncork();
    const all = answers.length === 0 ? [] : await connection.within(answerMs, Promise.all(answers));
    for (const answer of all) {
      const failure = failureOf(answer);
      if (failure === undefined) continue;
      connection.lose(`could not restore the session: ${failure.message}`);
      throw failure;
    }
    connection.database = wanted.schema;
    connection.settings = wanted.settings;
    return connection;
  }

  #attachedOf(connection: ServerConnection): Attached | undefined {
    if (this.#primary?.connection === connection) return this.#primary;
    return this.#replica?.connection === connection ? this.#replica : undefined;
  }
}

/** What the client closed while the session didn't have the connection. */
function closeGone(connection: ServerConnection, owner: ConnectionOwner): void {
  for (const [id, server] of connection.statements) {
    if (owner.hasPrepared(id)) continue;
    connection.statements.delete(id);
    connection.channel.write(closePacket(server.id));
  }
}

/** What can't fail: the session's own command goes out right behind it. */
function askUnawaited(connection: ServerConnection, packet: Buffer, otherwise: string): void {
  connection.ask(packet, responseShape.result, ({ error }) => {
    if (error !== undefined) connection.lose(`${otherwise}: ${error.message}`);
  });
}
