/**
 * Prepared statements of a session. A client knows a statement by one id; each server that runs it has its own, and
 * may lack the parameter types that the client sent to another one.
 * @see https://mariadb.com/kb/en/com_stmt_execute/
 */
import { command } from '#src/mysql-wire/commands.ts';
import {
  commandPacket,
  headerBytes,
  maxPayloadBytes,
  payloadLengthAt,
  writeHeader,
} from '#src/mysql-wire/framing.ts';
import { malformed, ProtocolError } from '#src/mysql-wire/protocol-error.ts';
import type { ServerConnection } from '../servers/connection.ts';
import type { RoutedStatement, SessionRoutes, Settings } from './routes.ts';

/** Stands for the statement prepared last (MariaDB). */
export const lastPrepared = 0xffff_ffff;
/** In a command packet: header, command byte, statement id. */
export const statementIdAt = headerBytes + 1;

const typesFlagAfterIterations = headerBytes + 1 + 4 + 1 + 4;

export class PreparedStatement {
  readonly id: number;
  /** The COM_STMT_PREPARE packet, header included; undefined for one too long to keep, which is where it is and nowhere else. */
  readonly packet: Buffer | undefined;
  readonly routed: RoutedStatement;
  /** The session's when it was prepared. */
  settings: Settings;
  /** There were others then, whose values only the connection knew. */
  readonly unresolved: boolean;
  readonly parameters: number;
  /** Two bytes for each parameter, as the client last sent them. */
  types: Buffer | undefined;
  typesVersion = 0;
  /** Where its long data or its open cursor is: it runs there and nowhere else. `lost`: and it is there no more. */
  boundTo: ServerConnection | 'lost' | undefined;

  constructor(
    id: number,
    packet: Buffer | undefined,
    routed: RoutedStatement,
    { settings, unresolved }: Pick<SessionRoutes, 'settings' | 'unresolved'>,
    parameters: number,
  ) {
    this.id = id;
    this.packet = packet;
    this.routed = routed;
    this.settings = settings;
    this.unresolved = unresolved;
    this.parameters = parameters;
  }

  /** Whether a whole COM_STMT_EXECUTE between `start` and `end` ends before the parameters that the statement has. */
  lacksParameters(buffer: Buffer, start: number, end: number): boolean {
    if (this.parameters === 0 || end - start < typesFlagAfterIterations) return false;
    const flagAt = start + typesFlagAfterIterations + ((this.parameters + 7) >> 3);
    if (end <= flagAt) return true;
    return buffer[flagAt] === 1 && end < flagAt + 1 + 2 * this.parameters;
  }

  /**
   * Makes a COM_STMT_EXECUTE packet of the client, between `start` and `end`, right for `connection`, where the
   * statement is prepared. In place where it can be; the buffer to send otherwise. `large`: it is only the beginning of
   * the packet. Throws a ProtocolError.
   */
  executeFor(
    connection: ServerConnection,
    buffer: Buffer,
    start: number,
    end: number,
    large: boolean,
  ): Buffer {
    const server = connection.statements.get(this.id);
    if (server === undefined) throw malformed('a statement that is not prepared');
    if (end - start < typesFlagAfterIterations) throw malformed('COM_STMT_EXECUTE');
    buffer.writeUInt32LE(server.id, start + statementIdAt);
    const packet = start === 0 && end === buffer.length ? buffer : buffer.subarray(start, end);
    if (this.parameters === 0) return packet;
    const flagAt = typesFlagAfterIterations + ((this.parameters + 7) >> 3);
    if (packet.length <= flagAt) throw malformed('COM_STMT_EXECUTE without its parameters');
    const typesAt = flagAt + 1;
    if (packet[flagAt] === 1) {
      const types = packet.subarray(typesAt, typesAt + 2 * this.parameters);
      if (types.length < 2 * this.parameters) throw malformed('COM_STMT_EXECUTE without its types');
      if (this.types === undefined || !this.types.equals(types)) {
        this.types = Buffer.from(types);
        this.typesVersion++;
      }
      server.typesVersion = this.typesVersion;
      return packet;
    }
    if (server.typesVersion === this.typesVersion || this.types === undefined) return packet;
    server.typesVersion = this.typesVersion;
    const length = payloadLengthAt(packet, 0) + this.types.length;
    // The packets behind it would have to be cut elsewhere.
    if (large && length >= maxPayloadBytes) throw needsPreparing();
    const parts = [packet.subarray(0, flagAt), Buffer.from([1]), this.types, packet.subarray(typesAt)];
    const whole = Buffer.concat(parts);
    writeHeader(whole, 0, length, 0);
    return whole;
  }
}

/** COM_STMT_CLOSE by the server's own id: it has no answer. */
export function closePacket(serverId: number): Buffer {
  const argument = Buffer.alloc(4);
  argument.writeUInt32LE(serverId);
  return commandPacket(command.stmtClose, argument);
}

/** ER_NEED_REPREPARE. */
export function needsPreparing(): ProtocolError {
  return new ProtocolError(1615, 'HY000', 'Prepared statement needs to be re-prepared');
}

/** What all sessions of a router may keep of prepared statements. */
export interface PreparedBudget {
  usedBytes: number;
  readonly limitBytes: number;
}

/** What one takes beside its text. */
const overheadBytes = 1_024;

const bytesOf = ({ packet }: PreparedStatement): number => (packet?.length ?? 0) + overheadBytes;

/** Those of one session, by the ids that its client knows. */
export class PreparedStatements {
  readonly #budget: PreparedBudget;
  readonly #byId = new Map<number, PreparedStatement>();
  /** The one that `lastPrepared` stands for: undefined while, and after, the preparation of another one failed. */
  #last: PreparedStatement | undefined;
  #bytes = 0;

  constructor(budget: PreparedBudget) {
    this.#budget = budget;
  }

  /** Whether a statement whose packet has so many bytes can still be kept. */
  hasRoomFor(bytes: number): boolean {
    return this.#budget.usedBytes + bytes + overheadBytes <= this.#budget.limitBytes;
  }

  get size(): number {
    return this.#byId.size;
  }

  get(id: number): PreparedStatement | undefined {
    return id === lastPrepared ? this.#last : this.#byId.get(id);
  }

  /** The one that the command between `start` and `end` names. */
  named(buffer: Buffer, start: number, end: number): PreparedStatement | undefined {
    if (end - start < statementIdAt + 4) throw malformed('a command without its statement id');
    return this.get(buffer.readUInt32LE(start + statementIdAt));
  }

  /** Another one is about to be prepared: a client may send its execution without waiting for how that ends. */
  forgetLast(): void {
    this.#last = undefined;
  }

  values(): Iterable<PreparedStatement> {
    return this.#byId.values();
  }

  add(statement: PreparedStatement): void {
    this.#byId.set(statement.id, statement);
    this.#last = statement;
    this.#use(bytesOf(statement));
  }

  delete(statement: PreparedStatement): void {
    if (this.#last === statement) this.#last = undefined;
    if (this.#byId.delete(statement.id)) this.#use(-bytesOf(statement));
  }

  clear(): void {
    this.#byId.clear();
    this.#last = undefined;
    this.#use(-this.#bytes);
  }

  #use(bytes: number): void {
    this.#bytes += bytes;
    this.#budget.usedBytes += bytes;
  }
}
