/**
 * One logged-in connection to a server. It runs commands one after the other: those of the router's own (`ask`), whose
 * answers it keeps, and those of the session that owns it, whose answers pass through as they come.
 */

import { capability } from '#src/mysql-wire/capabilities.ts';
import type { ResponseShape } from '#src/mysql-wire/commands.ts';
import { responseShape } from '#src/mysql-wire/commands.ts';
import { type ErrPacket, parseErr } from '#src/mysql-wire/err-packet.ts';
import { maxPayloadBytes, payloadLengthAt } from '#src/mysql-wire/framing.ts';
import { ProtocolError, tooLarge } from '#src/mysql-wire/protocol-error.ts';
import { ResponseScanner, type ScanEvent, scanEvent } from '#src/mysql-wire/response-scanner.ts';
import type { Channel } from '../channel.ts';
import { answeredWrongly } from '../errors.ts';
import { noSettings, type Settings } from '../session/routes.ts';
import type { LoggedIn } from './login.ts';

/** A session, as seen by a server connection that it uses. */
export interface ConnectionOwner {
  /** Bytes of the answer, valid during the call; false when the client didn't take them all. */
  onAnswerBytes(connection: ServerConnection, bytes: Buffer): boolean;
  /** A packet that means something: undefined to pass it on, or what goes to the client in its place. */
  onAnswerPacket(connection: ServerConnection, event: ScanEvent, buffer: Buffer): Buffer | undefined;
  /** The answer is whole. May send the next command. */
  onAnswerEnd(connection: ServerConnection): void;
  /** It broke; `inFlight` when an answer was still due. */
  onConnectionLost(connection: ServerConnection, reason: string, inFlight: boolean): void;
  /** Whether it could be given to somebody else just now. */
  mayDetach(connection: ServerConnection): boolean;
  /** Whether a statement prepared on it is still one of its session's, by the session's id. */
  hasPrepared(id: number): boolean;
  /** Give it back; only after `mayDetach`. */
  detach(connection: ServerConnection): void;
  /** It takes more again, after it was full. */
  onReceiverDrain(): void;
}

/** Rows for the router itself are kept whole: definitions of very many tables have some megabytes. */
const ownAnswerBytes = 64 * 1024 * 1024;

/** The answer to a command of the router's own. */
export interface OwnAnswer {
  /** Undefined when it succeeded. */
  readonly error: ErrPacket | undefined;
  /**
   * The connection ended before the answer did: it broke, and another one may answer; or what came is against the protocol,
   * and would be again.
   */
  readonly cut: 'broken' | 'against the protocol' | undefined;
  readonly statementId: number;
  /** All packets of it; none of a preparation, whose definitions are the client's alone. */
  readonly bytes: Buffer;
}

interface OwnCommand {
  readonly shape: ResponseShape;
  readonly onAnswer: (answer: OwnAnswer) => void;
  readonly collected: Buffer[];
  bytes: number;
  error: ErrPacket | undefined;
  /** How its answer is against the protocol. */
  violated: ErrPacket | undefined;
}

/** A statement prepared on this connection. */
export interface ServerStatement {
  readonly id: number;
  /** Which of the client's parameter types the server has; `PreparedStatement.typesVersion`. */
  typesVersion: number;
}

const unasked = 'the server ended the connection';

let lastNumber = 0;

export class ServerConnection {
  /** For logs and maps. */
  readonly number = ++lastNumber;
  readonly channel: Channel;
  /** What KILL takes on this server. */
  readonly threadId: number;
  readonly capabilities: number;
  readonly scanner = new ResponseScanner();
  owner: ConnectionOwner | undefined;
  /** Whose state it still has: a session's, from one reset of it to the next. */
  stateOf: object | undefined;
  /** Current schema on the server. */
  database: string | undefined;
  /** The settings that the server has, beside its own. */
  settings: Settings = noSettings;
  /** Some session has used it: it has to be reset for another. */
  used = false;
  /** Its state can't be reset: it is closed instead of being given to another session. */
  unusable = false;
  /** By the session's own statement ids. */
  readonly statements = new Map<number, ServerStatement>();
  lastUsedMs = 0;
  /** It ended, and not because the router wanted it. */
  broken = false;
  /** Counts sessions' statements under way, for the whole member. */
  load: { count: number } = { count: 0 };
  onLost: () => void = () => undefined;
  readonly #deprecateEof: boolean;
  readonly #own: OwnCommand[] = [];
  #forwarding = false;
  #carry: Buffer | undefined;
  /** Bytes came together with the end of an answer that can't be an answer to what is sent only now. */
  #moreCame = false;
  #lost = false;

  constructor(login: LoggedIn, database: string | undefined) {
    this.channel = login.channel;
    this.threadId = login.greeting.connectionId;
    this.capabilities = login.capabilities;
    this.database = database;
    this.#deprecateEof = (login.capabilities & capability.deprecateEof) !== 0;
    this.channel.onBytes = (chunk) => this.#onBytes(chunk);
    this.channel.onEnd = (reason) => this.#break(reason);
    this.channel.onDrain = () => this.owner?.onReceiverDrain();
    if (!this.channel.open) queueMicrotask(() => this.#break('closed by the peer'));
  }

  get busy(): boolean {
    return this.#forwarding || this.#own.length > 0;
  }

  get open(): boolean {
    return !this.#lost;
  }

  /** Sends a command of the router's own; answers come in order. Never while an owner's command is under way. */
  ask(packet: Buffer, shape: ResponseShape, onAnswer: (answer: OwnAnswer) => void): void {
    this.channel.write(packet);
    this.#own.push({ shape, onAnswer, collected: [], bytes: 0, error: undefined, violated: undefined });
    if (this.#own.length === 1) this.scanner.begin(shape, this.#deprecateEof);
  }

  /**
   * Sends a command of the owner, or its beginning; what it is answered goes to the owner. False when `bytes` stays in
   * use. A command of several packets needs `commandSent` in the end.
   */
  forward(bytes: Buffer, shape: ResponseShape): boolean {
    if (shape !== responseShape.none) {
      this.#forwarding = true;
      this.load.count++;
      this.#forwarded = { shape, several: payloadLengthAt(bytes, 0) === maxPayloadBytes };
      if (this.#own.length === 0) this.#beginForwarded();
    }
    return this.channel.write(bytes);
  }
  #forwarded: { shape: ResponseShape; several: boolean } = { shape: responseShape.result, several: false };

  #beginForwarded(): void {
    this.scanner.begin(this.#forwarded.shape, this.#deprecateEof);
    if (this.#forwarded.several) this.scanner.expectAnySequence();
  }

  /** The last packet of the owner's command has been sent, with that sequence id. */
  commandSent(sequenceId: number): void {
    if (this.#own.length === 0) this.scanner.commandSent(sequenceId);
  }

  /** The server has reset it: as new, but for the schema. */
  clean(): void {
    this.statements.clear();
    this.settings = noSettings;
    this.stateOf = undefined;
    this.used = false;
  }

  /** `ask` as a promise. */
  asked(packet: Buffer, shape: ResponseShape): Promise<OwnAnswer> {
    return new Promise((resolve) => this.ask(packet, shape, resolve));
  }

  /** What `answers` gives; it ends when that takes longer than `ms`, and the answers that are due say so. */
  async within<T>(ms: number, answers: Promise<T>): Promise<T> {
    const timer = setTimeout(() => this.lose(`no answer in ${Math.round(ms)} ms`), ms);
    try {
      return await answers;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Ends it; the owner hears of it. */
  lose(reason: string): void {
    if (this.#lost) return;
    this.#lost = true;
    this.channel.destroy();
    const inFlight = this.#forwarding;
    if (inFlight) this.load.count--;
    const { owner } = this;
    this.owner = undefined;
    this.stateOf = undefined;
    this.onLost();
    const error = { errno: 1158, sqlState: '08S01', message: `connection to the server lost: ${reason}` };
    const bytes = Buffer.alloc(0);
    for (const { onAnswer, violated } of this.#own.splice(0)) {
      const cut = violated === undefined ? 'broken' : 'against the protocol';
      onAnswer({ error: violated ?? error, cut, statementId: 0, bytes });
    }
    owner?.onConnectionLost(this, reason, inFlight);
  }

  /** To be called between the end of an answer and the next command. */
  endIfMoreCame(): void {
    if (this.#moreCame) this.#break(unasked);
  }

  #break(reason: string): void {
    if (!this.#lost) this.broken = true;
    this.lose(reason);
  }

  #onBytes(chunk: Buffer): void {
    const buffer = this.#carry === undefined ? chunk : Buffer.concat([this.#carry, chunk]);
    this.#carry = undefined;
    try {
      let at = 0;
      while (at < buffer.length && !this.#lost) {
        if (this.#own.length > 0) at = this.#takeOwn(buffer, at);
        else if (this.#forwarding) at = this.#pass(buffer, at);
        else {
          // A server says good-bye unasked: it shuts down, or somebody killed the connection.
          this.#break(unasked);
          return;
        }
      }
    } catch (error) {
      const own = this.#own[0];
      if (own !== undefined && error instanceof ProtocolError) own.violated = error;
      this.lose((error as Error).message);
    }
  }

  /** Keeps what can't be judged yet; everything is used up then. */
  #hold(buffer: Buffer): number {
    const { held } = this.scanner;
    if (held > 0) this.#carry = Buffer.from(buffer.subarray(buffer.length - held));
    return buffer.length;
  }

  #takeOwn(buffer: Buffer, from: number): number {
    const own = this.#own[0] as OwnCommand;
    const { scanner } = this;
    let at = from;
    while (!scanner.done) {
      const event = scanner.scan(buffer, at, buffer.length);
      at = scanner.position;
      if (event === scanEvent.err)
        own.error = parseErr(buffer.subarray(scanner.payloadStart, scanner.packetEnd));
      if (event === scanEvent.localFile) throw new Error('the server asks the router for a file');
      if (event === scanEvent.more) {
        collect(own, buffer.subarray(from, buffer.length - scanner.held));
        return this.#hold(buffer);
      }
    }
    collect(own, buffer.subarray(from, at));
    if (at < buffer.length && this.#own.length === 1 && !this.#forwarding) throw new Error(unasked);
    this.#own.shift();
    const next = this.#own[0];
    const statementId = scanner.statementId;
    if (next !== undefined) scanner.begin(next.shape, this.#deprecateEof);
    else if (this.#forwarding) this.#beginForwarded();
    own.onAnswer({ error: own.error, cut: undefined, statementId, bytes: Buffer.concat(own.collected) });
    return at;
  }

  #pass(buffer: Buffer, from: number): number {
    const { scanner } = this;
    const owner = this.owner as ConnectionOwner;
    let start = from;
    let at = from;
    for (;;) {
      const event = scanner.scan(buffer, at, buffer.length);
      at = scanner.position;
      if (event === scanEvent.more) {
        this.#give(owner, buffer, start, buffer.length - scanner.held);
        return this.#hold(buffer);
      }
      const instead = owner.onAnswerPacket(this, event, buffer);
      if (instead !== undefined) {
        this.#give(owner, buffer, start, scanner.packetStart);
        this.#give(owner, instead, 0, instead.length);
        start = at;
      }
      if (scanner.done) {
        this.#give(owner, buffer, start, at);
        this.#forwarding = false;
        this.load.count--;
        this.#moreCame = at < buffer.length;
        owner.onAnswerEnd(this);
        return at;
      }
    }
  }

  #give(owner: ConnectionOwner, buffer: Buffer, from: number, to: number): void {
    if (to <= from) return;
    if (!owner.onAnswerBytes(this, from === 0 && to === buffer.length ? buffer : buffer.subarray(from, to))) {
      this.channel.keepBytes();
    }
  }
}

/**
 * Why a question that had to succeed before a statement can run did not: a ProtocolError for the statement's client, or
 * an Error when it may be asked on another connection.
 */
export function failureOf({ error, cut }: OwnAnswer): Error | undefined {
  if (cut === 'broken') return new Error('the connection broke');
  if (error === undefined) return undefined;
  const told = cut === undefined ? error : answeredWrongly(error.message);
  return new ProtocolError(told.errno, told.sqlState, told.message);
}

function collect(own: OwnCommand, bytes: Buffer): void {
  if (own.shape === responseShape.prepare) return;
  own.bytes += bytes.length;
  if (own.bytes > ownAnswerBytes) throw tooLarge('an answer to the SQL router itself', ownAnswerBytes);
  own.collected.push(Buffer.from(bytes));
}
