/**
 * Positions in the database's history, as MariaDB writes them: one GTID `domain-server-sequence` per domain
 * (https://mariadb.com/kb/en/gtid/). A client gets one with each write and may hand it back with the next read.
 * Pure.
 */

/** More domains than any deployment has, few enough that a header stays small. */
const maxDomains = 8;
const maxUint32 = 4_294_967_295n;
const maxUint64 = 18_446_744_073_709_551_615n;
const gtidPattern = /^(0|[1-9][0-9]{0,9})-(0|[1-9][0-9]{0,9})-(0|[1-9][0-9]{0,19})$/;

/** Domain to sequence number. */
export type Position = ReadonlyMap<string, bigint>;

/** Null when `text` is not one GTID per domain with commas between them. */
export function parsePosition(text: string): Position | null {
  const position = new Map<string, bigint>();
  const parts = text.split(',');
  if (parts.length > maxDomains) return null;
  for (const part of parts) {
    const [, domain, server, sequence] = gtidPattern.exec(part) ?? [];
    if (domain === undefined || server === undefined || sequence === undefined) return null;
    if (BigInt(domain) > maxUint32 || BigInt(server) > maxUint32 || BigInt(sequence) > maxUint64) return null;
    if (position.has(domain)) return null;
    position.set(domain, BigInt(sequence));
  }
  return position;
}

/** Does `reached` (a server's binlog position; may be empty) hold everything up to `wanted`? */
export function contains(reached: string, wanted: Position): boolean {
  const have = parsePosition(reached);
  if (have === null) return false;
  return [...wanted].every(([domain, sequence]) => (have.get(domain) ?? -1n) >= sequence);
}
