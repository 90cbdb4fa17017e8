/** What a server's answer says about the session, collected from its packets. */
import { parsePosition } from '#src/gtid/position.ts';
import { type OkPacket, parseOk } from '#src/mysql-wire/ok-packet.ts';
import { parseSessionChanges } from '#src/mysql-wire/session-track.ts';
import { serverStatus } from '#src/mysql-wire/status.ts';
import type { Outcome } from '#src/routing/session.ts';

const noVariables: ReadonlyMap<string, string> = new Map();

/** One for each session, used again for each answer. */
export class Answer {
  ok = true;
  errno = 0;
  status: number = serverStatus.autocommit;
  warnings = 0;
  insertId = false;
  position: Outcome['position'];
  variables = noVariables;
  schema: string | undefined;
  /** Some of it has gone to the client already; how much. */
  passed = false;
  bytes = 0;

  /** `status` is what the session had: not every answer tells it. */
  begin(status: number): void {
    this.ok = true;
    this.errno = 0;
    this.status = status;
    this.warnings = 0;
    this.insertId = false;
    this.position = undefined;
    this.variables = noVariables;
    this.schema = undefined;
    this.passed = false;
    this.bytes = 0;
  }

  pass(bytes: number): void {
    this.passed = true;
    this.bytes += bytes;
  }

  /** An OK packet, which may be one of several; what was tracked adds up. Throws a ProtocolError. */
  takeOk(buffer: Buffer, from: number, to: number): OkPacket {
    const packet = parseOk(buffer, from, to, true);
    this.status = packet.status;
    this.warnings = packet.warnings;
    this.insertId ||= packet.insertId;
    if (packet.changes !== undefined) this.#takeChanges(packet.changes);
    return packet;
  }

  /** An EOF packet of old. */
  takeEof(buffer: Buffer, from: number, to: number, status: number): void {
    this.status = status;
    this.warnings = to - from >= 5 ? buffer.readUInt16LE(from + 1) : 0;
  }

  outcome(member: string, role: 'primary' | 'replica', epoch: number, endedMs: number): Outcome {
    const { ok, warnings, insertId, position, variables, schema } = this;
    const status = ok ? this.status : undefined;
    const errno = ok ? undefined : this.errno;
    return {
      ok,
      errno,
      status,
      warnings,
      insertId,
      member,
      role,
      epoch,
      position,
      variables,
      schema,
      endedMs,
    };
  }

  #takeChanges(encoded: Buffer): void {
    const changes = parseSessionChanges(encoded);
    if (changes.schema !== undefined) this.schema = changes.schema;
    if (changes.variables.size === 0) return;
    const gtid = changes.variables.get('last_gtid');
    if (gtid !== undefined && gtid !== '') this.position = parsePosition(gtid) ?? this.position;
    this.variables =
      this.variables.size === 0 ? changes.variables : new Map([...this.variables, ...changes.variables]);
  }
}
