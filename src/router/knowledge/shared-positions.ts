/**
 * What the workers of one host have written, in a file that all of them have open: each has a record of its own in it,
 * written before the client is told, and read whenever a read must see the host's writes. Reading and writing it is one
 * system call each on pages in memory; nobody waits for anybody. A record outlives its worker, which may have been killed
 * right behind an acknowledgement.
 */
import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { type Position, parsePosition } from '#src/gtid/position.ts';
import { type Freshness, joinFreshness, nothingSeen, printPosition } from '#src/routing/freshness.ts';
import { workerSlots } from '../kill/connection-ids.ts';

const recordBytes = 2_048;
/** CRC-32 of all that follows, length of the text, number of the record (each one's higher than the one's before). */
const at = { crc: 0, length: 4, number: 8, text: 16 } as const;
const tooLong = 0xffff_ffff;
/** A record that is being written is whole a moment later. */
const attempts = 20;

/** By account. */
export type Writes = ReadonlyMap<string, Freshness>;

/** Something was written, and nobody can say what: no replica is known to have it. */
export const unknownWrites: Freshness = {
  atLeast: undefined,
  pending: [{ member: '', epoch: Number.MAX_SAFE_INTEGER, endedMs: Number.POSITIVE_INFINITY }],
};

/** `[account, epoch, position, [member, epoch, endedMs by the host's clock][]]` */
type Entry = [string, number | null, string, [string, number, number][]];

/** Processes count milliseconds from their own beginnings: the kernel's monotonic clock is everybody's. */
function clockOffsetMs(): number {
  return Number(process.hrtime.bigint()) / 1e6 - performance.now();
}
/** Beyond what the conversion may be wrong by; pending entries are only ever taken for later than they were. */
const clockErrorMs = 0.1;

interface Known {
  readonly number: number;
  readonly writes: Writes | 'unknown';
}

export class SharedPositions {
  readonly #file: number;
  readonly #start: number;
  readonly #own = Buffer.alloc(recordBytes);
  readonly #all = Buffer.alloc(workerSlots * recordBytes);
  readonly #known: (Known | undefined)[] = [];
  readonly #offsetMs = clockOffsetMs();
  /** Above what whoever had the slot before can have come to: nobody writes once in a microsecond. */
  #number = Number(process.hrtime.bigint() / 1_000n);
  #joined: Map<string, Freshness> | 'unknown' = new Map();

  /** `slot`: of this worker alone. Throws when the file can't be opened. */
  constructor(path: string, slot: number) {
    this.#file = openSync(path, 'r+');
    this.#start = slot * recordBytes;
  }

  /** What this worker has written, all of it, in place of what its record said. */
  publish(writes: Writes): void {
    const entries = [...writes].map(([user, { atLeast, pending }]): Entry => {
      const position = atLeast === undefined ? '' : printPosition(atLeast.position);
      const untold = pending.map(({ member, epoch, endedMs }): [string, number, number] => [
        member,
        epoch,
        endedMs + this.#offsetMs + clockErrorMs,
      ]);
      return [user, atLeast?.epoch ?? null, position, untold];
    });
    const text = JSON.stringify(entries);
    const fits = Buffer.byteLength(text) <= recordBytes - at.text;
    const end = at.text + (fits ? this.#own.write(text, at.text) : 0);
    this.#own.writeUInt32LE(fits ? end - at.text : tooLong, at.length);
    this.#own.writeDoubleLE(++this.#number, at.number);
    this.#own.writeUInt32LE(crc32(this.#own.subarray(at.length, end)), at.crc);
    writeSync(this.#file, this.#own, 0, end, this.#start);
  }

  /** What all workers have written for the account. */
  of(user: string): Freshness {
    this.#read();
    if (this.#joined === 'unknown') return unknownWrites;
    return this.#joined.get(user) ?? nothingSeen;
  }

  /** What the worker that had this slot before has written: the successor's record goes on from it. */
  inherited(): Writes {
    this.#read();
    const known = this.#known[this.#start / recordBytes]?.writes;
    return known === undefined || known === 'unknown' ? new Map() : known;
  }

  close(): void {
    closeSync(this.#file);
  }

  #read(): void {
    for (let attempt = 0; attempt < attempts; attempt++) {
      const bytes = readSync(this.#file, this.#all, 0, this.#all.length, 0);
      const { changed, torn } = this.#compare(bytes, attempt === attempts - 1);
      if (changed) this.#join();
      if (!torn) return;
    }
  }

  #compare(bytes: number, last: boolean): { readonly changed: boolean; readonly torn: boolean } {
    let changed = false;
    let torn = false;
    for (let slot = 0; slot * recordBytes + at.text <= bytes; slot++) {
      const record = this.#all.subarray(slot * recordBytes, (slot + 1) * recordBytes);
      const number = record.readDoubleLE(at.number);
      if (number === 0 || this.#known[slot]?.number === number) continue;
      const writes = this.#parse(record);
      // One that stays torn is taken for what it is, and looked at again.
      if (writes === undefined) torn = true;
      if (writes === undefined && !last) continue;
      this.#known[slot] = writes === undefined ? { number: 0, writes: 'unknown' } : { number, writes };
      changed = true;
    }
    return { changed, torn };
  }

  /** Undefined: it was being written. */
  #parse(record: Buffer): Writes | 'unknown' | undefined {
    const length = record.readUInt32LE(at.length);
    const end = at.text + (length === tooLong ? 0 : length);
    if (end > recordBytes || crc32(record.subarray(at.length, end)) !== record.readUInt32LE(at.crc))
      return undefined;
    if (length === tooLong) return 'unknown';
    const payload = record.subarray(at.text, end);
    return new Map(
      (JSON.parse(payload.toString()) as Entry[]).map(([user, epoch, text, untold]) => {
        const position = parsePosition(text) as Position;
        const pending = untold.map(([member, of, endedMs]) => ({
          member,
          epoch: of,
          endedMs: endedMs - this.#offsetMs,
        }));
        return [user, { atLeast: epoch === null ? undefined : { epoch, position }, pending }];
      }),
    );
  }

  #join(): void {
    const joined = new Map<string, Freshness>();
    this.#joined = joined;
    for (const known of this.#known) {
      if (known === undefined) continue;
      if (known.writes === 'unknown') {
        this.#joined = 'unknown';
        return;
      }
      for (const [user, writes] of known.writes) {
        joined.set(user, joinFreshness(joined.get(user) ?? nothingSeen, writes));
      }
    }
  }
}
