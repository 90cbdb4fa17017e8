/**
 * MariaDB GTID positions: per replication domain the last transaction, `domain-server-sequence`, separated by commas.
 * @see https://mariadb.com/kb/en/gtid/
 *
 * A position says how far, never what: after a truncation two members can show the same position and hold different
 * rows (docs/failover-rules.md). Whoever compares positions of different members compares their epochs first.
 */

/** One transaction: the server that wrote it and its number in the domain. */
export interface Gtid {
  readonly domain: number;
  readonly server: number;
  readonly sequence: number;
}

/** The last transaction of each domain, sorted by domain; at most one per domain. */
export type Position = readonly Gtid[];

/** How two positions stand to each other; `incomparable` when each has what the other lacks. */
export type Relation = 'equal' | 'ahead' | 'behind' | 'incomparable';

/** The position of a server that has no transactions. */
export const emptyPosition: Position = Object.freeze([]);

const maximumUint32 = 4_294_967_295;
const gtidPattern = /^(\d{1,10})-(\d{1,10})-(\d{1,20})$/;

/** Reads one `domain-server-sequence`, or undefined when the text isn't one that this program can hold exactly. */
export function parseGtid(text: string): Gtid | undefined {
  const match = gtidPattern.exec(text.trim());
  if (match === null) return undefined;
  const [domain, server, sequence] = [Number(match[1]), Number(match[2]), Number(match[3])];
  if (domain > maximumUint32 || server > maximumUint32 || !Number.isSafeInteger(sequence)) return undefined;
  return { domain, server, sequence };
}

/**
 * Reads the value of `gtid_binlog_pos`, `gtid_slave_pos`, `gtid_current_pos` or `Gtid_IO_Pos`: the empty text is the
 * empty position. Undefined when a part isn't a GTID or a domain occurs twice (as in `gtid_binlog_state`): what can't
 * be read is unknown, and never "nothing".
 */
export function parsePosition(text: string): Position | undefined {
  const trimmed = text.trim();
  if (trimmed === '') return emptyPosition;
  const gtids: Gtid[] = [];
  for (const part of trimmed.split(',')) {
    const gtid = parseGtid(part);
    if (gtid === undefined) return undefined;
    gtids.push(gtid);
  }
  gtids.sort((a, b) => a.domain - b.domain);
  for (let index = 1; index < gtids.length; index++) {
    if (gtids[index]?.domain === gtids[index - 1]?.domain) return undefined;
  }
  return gtids;
}

/** Writes one GTID as MariaDB does. */
export function printGtid(gtid: Gtid): string {
  return `${gtid.domain}-${gtid.server}-${gtid.sequence}`;
}

/** Writes a position as MariaDB reads it in `gtid_slave_pos` and `MASTER_GTID_WAIT()`. */
export function printPosition(position: Position): string {
  return position.map(printGtid).join(',');
}

/** The sequence number reached in a domain; 0 when the position has nothing of it. */
export function sequenceIn(position: Position, domain: number): number {
  for (const gtid of position) if (gtid.domain === domain) return gtid.sequence;
  return 0;
}

/** Whether `position` has reached `other` in every domain. True for equal positions and for an empty `other`. */
export function contains(position: Position, other: Position): boolean {
  for (const gtid of other) if (sequenceIn(position, gtid.domain) < gtid.sequence) return false;
  return true;
}

/** How `a` stands to `b`, by sequence numbers. */
export function compare(a: Position, b: Position): Relation {
  const ahead = contains(a, b);
  const behind = contains(b, a);
  if (ahead && behind) return 'equal';
  if (ahead) return 'ahead';
  return behind ? 'behind' : 'incomparable';
}

/**
 * Whether both end at exactly the same transactions. The same sequence number written by two servers is the trace of
 * two histories, which `compare` can't see.
 */
export function sameTransactions(a: Position, b: Position): boolean {
  if (a.length !== b.length) return false;
  return a.every((gtid, index) => {
    const other = b[index];
    return (
      other !== undefined &&
      gtid.domain === other.domain &&
      gtid.server === other.server &&
      gtid.sequence === other.sequence
    );
  });
}

/** Per domain the further one: what a member has received when it reports both its binlog and its relay log. */
export function maximum(a: Position, b: Position): Position {
  if (a.length === 0) return b;
  if (b.length === 0) return a;
  const byDomain = new Map<number, Gtid>();
  for (const gtid of [...a, ...b]) {
    const known = byDomain.get(gtid.domain);
    if (known === undefined || known.sequence < gtid.sequence) byDomain.set(gtid.domain, gtid);
  }
  return [...byDomain.values()].sort((x, y) => x.domain - y.domain);
}
