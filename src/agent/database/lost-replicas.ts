/**
 * Ends the replication streams of replicas that are out of reach, on the primary. TCP keeps such a stream for minutes,
 * and with it open MariaDB 10.11 stops when its replica comes back and connects anew: it ends the old stream first, waits
 * for the thread that receives acknowledgements to let go of it, and does not wake that thread, which sleeps until one
 * of its connections moves (`Ack_receiver::remove_slave`; docs/mariadb-behaviour.md). Until then nobody gets in, and
 * the primary is failed over. KILL closes the connection first, which wakes it.
 */
import { readFile } from 'node:fs/promises';
import type { MariadbConnection } from '#src/adapters/mariadb/connection.ts';
import type { Cluster, MemberName } from '#src/ha/keys.ts';
import type { DatabaseObservation } from '#src/ha/observation.ts';
import { Loop } from '../loop.ts';
import type { DatabaseMember } from './member.ts';
import { parseTcpTable, tcpTableFile } from './tcp-table.ts';

/** The source sends something each second, and a replica gives up its side after 5 s (slave_net_timeout): sooner than that. */
const lookMs = 500;
/** Without an answer to four sends: about 1.5 s on a local network. */
const lostAfterRetransmissions = 3;
const killMs = 1_000;

/** As much of what the decision core knows as this takes. */
export interface Known {
  readonly server: DatabaseObservation | undefined;
  readonly members: Cluster['members'];
}

export class LostReplicas {
  readonly #member: DatabaseMember;
  readonly #known: () => Known | undefined;
  /** Its own: what waits on another one must not hold this up. */
  readonly #connection: MariadbConnection;
  readonly #loop: Loop;

  constructor(member: DatabaseMember, known: () => Known | undefined) {
    this.#member = member;
    this.#known = known;
    this.#connection = member.newConnection();
    this.#loop = new Loop({
      name: 'lost replicas',
      intervalMs: lookMs,
      log: member.log,
      step: () => this.#step(),
    });
  }

  stop(): void {
    this.#loop.stop();
    this.#connection.close();
  }

  async #step(): Promise<void> {
    const suspects = suspectsOf(this.#member.self, this.#known());
    // The kernel walks through all connections of the machine for its table: only for a reason.
    if (suspects.length === 0) return;
    const table = parseTcpTable(await readFile(tcpTableFile, 'utf8'));
    for (const name of suspects) {
      const address = this.#member.addressOf(name);
      const lost = table.filter(
        ({ remote, retransmissions }) =>
          remote.startsWith(`${address}:`) && retransmissions >= lostAfterRetransmissions,
      );
      for (const { remote } of lost) await this.#end(name, remote);
    }
  }

  async #end(name: MemberName, remote: string): Promise<void> {
    const streams = await this.#connection.rows(
      `SELECT ID AS id FROM information_schema.PROCESSLIST WHERE Host = ? AND Command LIKE 'Binlog Dump%'`,
      [remote],
      killMs,
    );
    for (const { id } of streams) {
      this.#member.log.warn('a replica is out of reach: its stream is ended', { replica: name, remote });
      // It may have ended by itself.
      await this.#connection.rows(`KILL ${Number(id)}`, [], killMs).catch(() => undefined);
    }
  }
}

/** Members that this server counts as connected and that say something else, or nothing. */
export function suspectsOf(self: MemberName, known: Known | undefined): readonly MemberName[] {
  if (known?.server?.state !== 'up') return [];
  return known.server.replicas.filter((name) => known.members[name]?.following !== self);
}
