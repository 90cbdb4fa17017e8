/** What the ledger's writers are told, and what they tell. */

export interface WriterConfig {
  /** First part of every id that it writes. */
  readonly name: string;
  /** Addresses of the database's members. */
  readonly members: readonly string[];
  readonly port: number;
  /** Of the host's SQL router: it is used instead of the members. */
  readonly socketPath?: string;
  readonly user: string;
  readonly password: string;
  readonly schema: string;
  readonly caFile: string;
  readonly workers: number;
  readonly accounts: number;
  /** Between two writes of a worker. */
  readonly pauseMs: number;
}

/** `refused`: certainly not written. `unknown`: no answer came. Times are the machine's monotonic clock, milliseconds. */
export interface WriteRecord {
  readonly id: string;
  readonly kind: 'autocommit' | 'transaction';
  readonly outcome: 'acknowledged' | 'refused' | 'unknown';
  readonly sentAt: number;
  readonly doneAt: number;
  readonly reason?: string;
}

/** The clock of the records. */
export function ledgerNow(): number {
  return Number(process.hrtime.bigint() / 1_000n) / 1_000;
}
