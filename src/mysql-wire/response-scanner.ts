/**
 * Follows the bytes of a server's answer from packet to packet, without looking at rows, and says where it ends. It
 * stops at the packets that mean something (OK, ERR, EOF, a request for a local file, a prepared statement) and steps
 * over all others by their length alone. Works for text and binary results, several results, cursors, and both ways of
 * ending a result set.
 * @see https://mariadb.com/kb/en/result-set-packets/
 */
import { ByteReader } from './bytes.ts';
import { type ResponseShape, responseShape } from './commands.ts';
import { progressReport } from './err-packet.ts';
import { headerBytes, maxPayloadBytes, payloadLengthAt } from './framing.ts';
import { okStatus } from './ok-packet.ts';
import { malformed, outOfOrder } from './protocol-error.ts';
import { serverStatus } from './status.ts';

/** What `scan` stopped at. */
export const scanEvent = {
  /** Nothing: the bytes are used up, but for the last `held` ones. */
  more: 0,
  /** An OK packet, also one that ends a result set. */
  ok: 1,
  /** An EOF packet of old that ends a result set, or is the whole answer. */
  eof: 2,
  err: 3,
  /** The server asks for a file of the client: then `resumeAfterLocalFile`. */
  localFile: 4,
  /** The answer to COM_STMT_PREPARE; its column definitions may follow. */
  prepared: 5,
  /** The answer was one packet of text. */
  text: 6,
  /** The last of the definitions behind `prepared` (or of a field list) has passed. */
  definitionsEnd: 7,
} as const;

export type ScanEvent = (typeof scanEvent)[keyof typeof scanEvent];

const expect = {
  first: 0,
  columns: 1,
  columnsEnd: 2,
  rows: 3,
  prepareFirst: 4,
  definitions: 5,
  definitionsEnd: 6,
  fieldList: 7,
  text: 8,
  /** Nothing: the client sends its file first. */
  file: 9,
} as const;

/** More than any packet that is looked at has; a server that sends a longer one is not a server. */
const maxLookedAtBytes = 0x10_0000;

/** In place of a sequence id: whichever comes. */
const anySequence = -1;

export class ResponseScanner {
  /** Whether the whole answer has passed. */
  done = true;
  /** Where `scan` stopped: the first byte not yet seen. */
  position = 0;
  /** With `more`: how many of the last bytes are to be given again, with what follows them. */
  held = 0;
  /** The packet stopped at: its header, payload and end. */
  packetStart = 0;
  payloadStart = 0;
  packetEnd = 0;
  /** Status flags of the last OK or EOF packet. */
  status = 0;
  /** Of the last ERR packet. */
  errno = 0;
  /** Of the last `prepared`. */
  statementId = 0;
  parameters = 0;
  columns = 0;
  /** Rows that passed since `begin`. */
  rows = 0;

  #expect: number = expect.first;
  #left = 0;
  /** Payload bytes of a packet that is being stepped over. */
  #skip = 0;
  /** The packet stepped over is full, so the next is its continuation. */
  #continued = false;
  #deprecateEof = false;
  #cursor = false;
  #sequenceId = 1;

  /** Expects the answer to a command that was sent with sequence id 0. */
  begin(shape: ResponseShape, deprecateEof: boolean): void {
    this.#deprecateEof = deprecateEof;
    this.done = shape === responseShape.none;
    this.rows = 0;
    this.#skip = 0;
    this.#continued = false;
    this.#sequenceId = 1;
    this.#cursor = shape === responseShape.cursor;
    this.#expect =
      shape === responseShape.result || shape === responseShape.cursor
        ? expect.first
        : shape === responseShape.prepare
          ? expect.prepareFirst
          : shape === responseShape.rows
            ? expect.rows
            : shape === responseShape.fieldList
              ? expect.fieldList
              : expect.text;
  }

  /**
   * Behind `begin`: the command takes several packets, of which not all are sent. The server may answer before it has
   * read them, with an id that follows the last one that it has read.
   */
  expectAnySequence(): void {
    this.#sequenceId = anySequence;
  }

  /** The last packet of such a command was sent with `sequenceId`: the answer follows it, if it hasn't begun. */
  commandSent(sequenceId: number): void {
    if (this.#sequenceId === anySequence) this.#sequenceId = (sequenceId + 1) & 0xff;
  }

  /** The client has sent its file, the last packet of it with `sequenceId`: what became of it follows. */
  resumeAfterLocalFile(sequenceId: number): void {
    this.#sequenceId = (sequenceId + 1) & 0xff;
    this.#expect = expect.first;
  }

  /**
   * Scans from `from` to the next packet that means something, or to `to`. Call it again from `position` until it gives
   * `more` or `done` is set. Throws a ProtocolError when these bytes are no answer of a server.
   */
  scan(buffer: Buffer, from: number, to: number): ScanEvent {
    let at = from;
    while (at < to) {
      if (this.#skip > 0) {
        const step = this.#skip < to - at ? this.#skip : to - at;
        this.#skip -= step;
        at += step;
        continue;
      }
      if (to - at < headerBytes + 1) {
        // An empty packet (a continuation, or an empty text) has no first byte to wait for.
        if (to - at < headerBytes || payloadLengthAt(buffer, at) !== 0) return this.#hold(at, to);
      }
      const length = payloadLengthAt(buffer, at);
      const sequenceId = buffer[at + 3] as number;
      if (this.#sequenceId === anySequence) this.#sequenceId = sequenceId;
      if (sequenceId !== this.#sequenceId) throw outOfOrder(this.#sequenceId, sequenceId);
      if (this.#continued) {
        this.#continued = length === maxPayloadBytes;
      } else if (length === 0) {
        throw malformed('an empty packet in an answer');
      } else if (this.#isPlain(buffer[at + headerBytes] as number, length)) {
        this.#continued = length === maxPayloadBytes;
      } else {
        if (length > maxLookedAtBytes) throw malformed(`an answer of ${length} bytes`);
        const end = at + headerBytes + length;
        if (end > to) return this.#hold(at, to);
        this.packetStart = at;
        this.payloadStart = at + headerBytes;
        this.packetEnd = end;
        this.position = end;
        this.#sequenceId = (this.#sequenceId + 1) & 0xff;
        const event = this.#lookAt(buffer, at + headerBytes, end);
        if (event !== scanEvent.more) {
          this.held = 0;
          return event;
        }
        at = end;
        continue;
      }
      this.#sequenceId = (this.#sequenceId + 1) & 0xff;
      this.#skip = length;
      at += headerBytes;
    }
    this.position = to;
    this.held = 0;
    return scanEvent.more;
  }

  #hold(at: number, to: number): ScanEvent {
    this.position = at;
    this.held = to - at;
    return scanEvent.more;
  }

  /** Whether a packet with this first byte is one to step over; counts it. */
  #isPlain(first: number, length: number): boolean {
    switch (this.#expect) {
      case expect.rows:
        if (first === 0xff) return false;
        if (first === 0xfe) {
          // A row can begin with 0xFE too: a first column of 16 MiB and more, in a packet that is full.
          if (this.#deprecateEof ? length < maxPayloadBytes : length < 9) return false;
        }
        this.rows++;
        return true;
      case expect.columns:
        if (first === 0xff) return false;
        if (--this.#left === 0) this.#expect = this.#deprecateEof ? expect.rows : expect.columnsEnd;
        return true;
      case expect.definitions:
        // The last one is stopped at, because it may end the answer.
        return this.#left > 1 && this.#left-- > 0;
      case expect.fieldList:
        return first !== 0xff && !(first === 0xfe && length < 9);
      default:
        return false;
    }
  }

  #lookAt(buffer: Buffer, from: number, to: number): ScanEvent {
    const first = buffer[from] as number;
    if (this.#expect === expect.file) throw malformed('an answer before the file was sent');
    if (first === 0xff && this.#expect !== expect.definitions && this.#expect !== expect.text) {
      return this.#error(buffer, from, to);
    }
    switch (this.#expect) {
      case expect.first:
        return this.#first(buffer, first, from, to);
      case expect.columnsEnd:
        return this.#columnsEnd(buffer, from, to);
      case expect.rows:
        return this.#resultEnd(buffer, from, to);
      case expect.prepareFirst:
        return this.#prepared(buffer, first, from, to);
      case expect.definitions:
      case expect.definitionsEnd:
        return this.#definitionsEnd();
      case expect.fieldList:
        this.status = new ByteReader(buffer, from + 3, to).uint16('the status');
        this.done = true;
        return scanEvent.eof;
      case expect.text:
        this.done = true;
        return first === 0xff ? this.#error(buffer, from, to) : scanEvent.text;
      default:
        throw malformed(`a packet that begins with ${first}`);
    }
  }

  #first(buffer: Buffer, first: number, from: number, to: number): ScanEvent {
    if (first === 0x00) {
      this.#end(okStatus(buffer, from, to));
      return scanEvent.ok;
    }
    if (first === 0xfb) {
      this.#expect = expect.file;
      return scanEvent.localFile;
    }
    if (first === 0xfe && to - from < 9) {
      this.#end(to - from >= 5 ? new ByteReader(buffer, from + 3, to).uint16('the status') : this.status);
      return scanEvent.eof;
    }
    const columns = new ByteReader(buffer, from, to).lengthEncoded('the number of columns');
    if (columns === 0) throw malformed('a result set without columns');
    this.#left = columns;
    this.#expect = expect.columns;
    return scanEvent.more;
  }

  #columnsEnd(buffer: Buffer, from: number, to: number): ScanEvent {
    if (buffer[from] !== 0xfe) throw malformed('no end of the column definitions');
    const status = new ByteReader(buffer, from + 3, to).uint16('the status');
    // A cursor inside of a stored program shows in the flags too; then rows follow, and more results.
    const open = this.#cursor && (status & serverStatus.cursorExists) !== 0;
    if (!open || (status & serverStatus.moreResults) !== 0) {
      this.#expect = expect.rows;
      return scanEvent.more;
    }
    // With a cursor no rows follow: COM_STMT_FETCH asks for them.
    this.#end(status);
    return scanEvent.eof;
  }

  #resultEnd(buffer: Buffer, from: number, to: number): ScanEvent {
    const old = !this.#deprecateEof;
    this.#end(old ? new ByteReader(buffer, from + 3, to).uint16('the status') : okStatus(buffer, from, to));
    return old ? scanEvent.eof : scanEvent.ok;
  }

  /** After an OK or EOF: either the answer has ended, or another one follows. */
  #end(status: number): void {
    this.status = status;
    this.done = (status & serverStatus.moreResults) === 0;
    this.#expect = expect.first;
  }

  #error(buffer: Buffer, from: number, to: number): ScanEvent {
    this.errno = new ByteReader(buffer, from + 1, to).uint16('the error number');
    if (this.errno === progressReport && this.#expect === expect.first) return scanEvent.more;
    this.done = true;
    return scanEvent.err;
  }

  #prepared(buffer: Buffer, first: number, from: number, to: number): ScanEvent {
    if (first !== 0x00) throw malformed(`an answer to a prepare that begins with ${first}`);
    const reader = new ByteReader(buffer, from + 1, to);
    this.statementId = reader.uint32('the statement id');
    this.columns = reader.uint16('the number of columns');
    this.parameters = reader.uint16('the number of parameters');
    // Each of the two lists has its own EOF unless that is deprecated.
    const lists = (this.parameters > 0 ? 1 : 0) + (this.columns > 0 ? 1 : 0);
    this.#left = this.parameters + this.columns + (this.#deprecateEof ? 0 : lists);
    this.done = this.#left === 0;
    this.#expect = expect.definitions;
    return scanEvent.prepared;
  }

  #definitionsEnd(): ScanEvent {
    this.done = true;
    return scanEvent.definitionsEnd;
  }
}
