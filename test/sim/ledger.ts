/** Who was told what, and whether it stays true: checked at every acknowledgement and every opening. */
import type { MariadbModel, Transaction } from './mariadb-model.ts';

export interface Violation {
  readonly property: string;
  readonly detail: string;
}

interface Opening {
  readonly server: string;
  readonly epoch: number;
  /** The log with which it opened. */
  readonly log: readonly Transaction[];
  acknowledged: boolean;
}

export class Ledger {
  /** Acknowledged client transactions, by index; two for one index are two histories. */
  readonly acknowledged: Transaction[] = [];
  private readonly noted = new Set<Transaction>();
  readonly openings: Opening[] = [];
  violation: Violation | null = null;
  refused = 0;
  unknown = 0;
  /** Mode `async` promises property 2 only. */
  readonly mayLose: boolean;

  /** False once etcd was restored from an old backup: what it names then was true once. */
  storeTrusted = true;

  constructor(mayLose: boolean) {
    this.mayLose = mayLose;
  }

  fail(property: string, detail: string): void {
    this.violation ??= { property, detail };
  }

  /** A server became writable: property 1. */
  opened(server: MariadbModel): void {
    const epoch = server.marker();
    // A server that opens late in an epoch that is over (it was frozen) has lost nothing: nobody confirms its writes.
    const over = this.openings.some((opening) => opening.epoch > epoch);
    if (!this.mayLose && !over) {
      // Clients can read it from now on: what a restart recovered must then be as durable as what was acknowledged.
      for (const transaction of server.log) if (transaction.client) this.note(transaction);
    }
    if (!this.mayLose && !over) this.contains(server, `opened in epoch ${epoch}`);
    this.openings.push({ server: server.name, epoch, log: server.log.slice(), acknowledged: false });
  }

  private note(transaction: Transaction): void {
    if (this.noted.has(transaction)) return;
    this.noted.add(transaction);
    this.acknowledged.push(transaction);
  }

  /** Every acknowledged transaction is in this server's log, as the same rows. */
  contains(server: MariadbModel, when: string): boolean {
    const { log } = server;
    for (const transaction of this.acknowledged) {
      if (log[transaction.index] !== transaction) {
        this.fail(
          'no acknowledged write is lost',
          `${server.name} ${when} without acknowledged transaction ${transaction.id} (number ${transaction.index + 1} of server id ${transaction.server})`,
        );
        return false;
      }
    }
    return true;
  }

  /** `sync` begins to name a standby: what makes a later promotion safe holds from now on. */
  named(standby: MariadbModel): void {
    if (this.mayLose) return;
    for (const transaction of this.acknowledged) if (!this.holds(standby, transaction)) return;
  }

  /** A member that `sync` names has the acknowledged transaction, applied or in its relay log. */
  holds(standby: MariadbModel, transaction: Transaction): boolean {
    const { log, relay } = standby;
    const there =
      transaction.index < log.length ? log[transaction.index] : relay[transaction.index - log.length];
    if (there === transaction || !this.storeTrusted) return true;
    this.fail(
      'every member that sync names has every acknowledged write',
      `${standby.name} is named and lacks acknowledged transaction ${transaction.id}`,
    );
    return false;
  }

  /** A client was told that its write is done: property 2. */
  acknowledge(server: MariadbModel, transaction: Transaction): void {
    const epoch = server.marker();
    for (const opening of this.openings) {
      if (opening.server === server.name) {
        if (opening.epoch === epoch) opening.acknowledged = true;
        continue;
      }
      if (!opening.acknowledged || opening.epoch < epoch) continue;
      if (opening.log[transaction.index] !== transaction) {
        this.fail(
          'no two primaries acknowledge diverging writes',
          `${server.name} in epoch ${epoch} acknowledged transaction ${transaction.id} after ${opening.server} had acknowledged in epoch ${opening.epoch}, which begins without it`,
        );
        return;
      }
    }
    if (transaction.client) this.note(transaction);
  }
}
