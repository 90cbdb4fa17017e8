/** `wire.ts CORPUS TARGET FORM`: every packet of every answer, for a client with the capabilities of that form. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { capability, extendedCapability, offeredCapabilities } from '#src/mysql-wire/capabilities.ts';
import { command } from '#src/mysql-wire/commands.ts';
import { headerBytes } from '#src/mysql-wire/framing.ts';
import type { ExecuteStep, Parameter } from '../step.ts';
import { type Account, type RunnerSession, runCorpus, type Target } from './protocol.ts';
import { type Shape, WireConnection, type WireOptions } from './wire-connection.ts';
import { variablesInOrder } from './wire-ok.ts';
import { bytesOf, byteTypes, typeBytes, valueBytes } from './wire-parameters.ts';

/** What every client of these days has; in the rest they differ. */
const common =
  offeredCapabilities &
  ~(
    capability.foundRows |
    capability.connectWithDatabase |
    capability.noSchema |
    capability.odbc |
    capability.ignoreSpace |
    capability.interactive |
    capability.ignoreSigpipe |
    capability.sessionTrack |
    capability.deprecateEof
  );

/** What clients there are: of old, of today, and one that wants to know everything. */
const forms: Readonly<Record<string, WireOptions>> = {
  old: { capabilities: common | capability.mysql | capability.ignoreSpace, extendedCapabilities: 0 },
  new: {
    capabilities: common | capability.deprecateEof | capability.foundRows,
    extendedCapabilities: extendedCapability.bulkOperations | extendedCapability.extendedMetadata,
  },
  tracking: {
    capabilities: common | capability.deprecateEof | capability.sessionTrack | capability.interactive,
    extendedCapabilities: extendedCapability.progress | extendedCapability.extendedMetadata,
  },
  'tracking of old': {
    capabilities: common | capability.mysql | capability.sessionTrack,
    extendedCapabilities: 0,
  },
};

const options = forms[process.argv[4] ?? 'old'] as WireOptions;

/** Packets longer than this are told by their hash. */
const shownBytes = 600;

/** The errors that name a prepared statement's number, which is nobody's business but the server's. */
const namesStatement: ReadonlySet<number> = new Set([1243, 1421]);

function masked(packet: Buffer): Buffer {
  if (packet[headerBytes] !== 0xff || !namesStatement.has(packet.readUInt16LE(headerBytes + 1)))
    return packet;
  return Buffer.from(packet.toString('latin1', 3).replace(/\(\d+\)/, '(n)'), 'latin1');
}

function shown(connection: WireConnection, packets: readonly Buffer[]): readonly string[] {
  return packets
    .map((packet) => (connection.oks.has(packet) ? variablesInOrder(packet) : masked(packet)))
    .map((packet) =>
      packet.length <= shownBytes
        ? packet.toString('hex')
        : `${packet.length} bytes ${createHash('sha1').update(packet).digest('hex')} ${packet.toString('hex', 0, 40)}`,
    );
}

const shapes: Readonly<Record<number, Shape>> = {
  [command.fieldList]: 'fields',
  [command.statistics]: 'text',
  [command.stmtFetch]: 'rows',
  [command.stmtPrepare]: 'prepare',
};

/** Without sequence ids: the router asks for a password in fewer packets. */
const withoutSequence = (packets: readonly string[]): readonly string[] =>
  packets.map((packet) => `${packet.slice(0, 6)}${packet.slice(8)}`);

const accountOf = (target: Target, name: 'first' | 'second' | 'wrong'): Account => {
  const account = name === 'second' ? target.second : target.first;
  return name === 'wrong' ? { ...account, password: 'wrong' } : account;
};

function session(connection: WireConnection, target: Target, port: number): RunnerSession {
  const ask = async (code: number, argument: Buffer, file?: Buffer): Promise<readonly string[]> =>
    shown(connection, await connection.command(code, argument, shapes[code] ?? 'result', file));
  return {
    connectionId: connection.greeting.connectionId,
    close: () => connection.close(),
    async run(step) {
      switch (step.kind) {
        case 'query':
          return ask(command.query, Buffer.from(step.sql));
        case 'load': {
          const path = /'(\/[^']*load-[^']*)'/.exec(step.sql)?.[1] ?? '';
          return ask(command.query, Buffer.from(step.sql), readFileSync(path));
        }
        case 'execute':
          return executeStep(connection, step);
        case 'ping':
          return ask(command.ping, Buffer.alloc(0));
        case 'reset':
          return ask(command.resetConnection, Buffer.alloc(0));
        case 'useSchema':
          return ask(command.initDb, Buffer.from(step.schema));
        case 'command':
          return ask(step.code, Buffer.from(step.argument, 'hex'));
        case 'changeUser': {
          const account = accountOf(target, step.account);
          return withoutSequence(
            shown(connection, await connection.changeUser(account, step.schema ?? 'conf')),
          );
        }
        case 'login': {
          const account = accountOf(target, step.account);
          const other = await WireConnection.open({ host: target.host, port }, account, options, step.schema);
          await other.close();
          return withoutSequence(shown(other, other.packets.slice(-1)));
        }
      }
    },
  };
}

async function executeStep(
  connection: WireConnection,
  step: ExecuteStep,
): Promise<readonly (readonly string[])[]> {
  const answer = await connection.command(command.stmtPrepare, Buffer.from(step.sql), 'prepare');
  const [first] = answer;
  if (first === undefined || first[headerBytes] !== 0) return [shown(connection, answer)];
  const id = Buffer.from(first.subarray(headerBytes + 1, headerBytes + 5));
  const count = first.readUInt16LE(headerBytes + 7);
  // The number that a server gives to a statement is nobody's business but its own.
  const told = Buffer.from(first);
  told.fill(0, headerBytes + 1, headerBytes + 5);
  const all = [shown(connection, [told, ...answer.slice(1)])];
  if (step.bulk === true && (options.extendedCapabilities & extendedCapability.bulkOperations) !== 0) {
    all.push(
      shown(connection, await connection.command(command.stmtBulkExecute, bulkArgument(id, step), 'result')),
    );
  } else {
    for (const parameters of step.executions) {
      if (parameters.length !== count) continue;
      if (step.longData === true) sendLongData(connection, id, parameters);
      all.push(
        shown(
          connection,
          await connection.command(
            command.stmtExecute,
            executeArgument(id, parameters, step),
            step.fetchRows === undefined ? 'result' : 'cursor',
          ),
        ),
      );
      if (step.fetchRows !== undefined) all.push(...(await fetchAll(connection, id, step.fetchRows)));
    }
  }
  all.push(shown(connection, await connection.command(command.stmtReset, id, 'result')));
  connection.send(command.stmtClose, id);
  return all;
}

async function fetchAll(
  connection: WireConnection,
  id: Buffer,
  rows: number,
): Promise<(readonly string[])[]> {
  const all: (readonly string[])[] = [];
  const count = Buffer.alloc(4);
  count.writeUInt32LE(rows);
  for (let fetches = 0; fetches < 200; fetches++) {
    const packets = await connection.command(command.stmtFetch, Buffer.concat([id, count]), 'rows');
    all.push(shown(connection, packets));
    const last = packets.at(-1);
    if (packets.length < 2 || last === undefined || last[headerBytes] === 0xff) break;
    // SERVER_STATUS_LAST_ROW_SENT, in either form of the end.
    const flags = last.length === 9 ? last.readUInt16LE(7) : last.readUInt16LE(7);
    if ((flags & 0x80) !== 0) break;
  }
  return all;
}

function sendLongData(connection: WireConnection, id: Buffer, parameters: readonly Parameter[]): void {
  for (const [index, parameter] of parameters.entries()) {
    if (!byteTypes.has(parameter.type)) continue;
    const bytes = bytesOf(parameter);
    const number = Buffer.from([index, 0]);
    const middle = bytes.length >> 1;
    for (const piece of [bytes.subarray(0, middle), bytes.subarray(middle)]) {
      connection.send(command.stmtSendLongData, Buffer.concat([id, number, piece]));
    }
  }
}

function executeArgument(id: Buffer, parameters: readonly Parameter[], step: ExecuteStep): Buffer {
  const head = Buffer.alloc(5);
  head[0] = step.fetchRows === undefined ? 0 : 1;
  head.writeUInt32LE(1, 1);
  if (parameters.length === 0) return Buffer.concat([id, head]);
  const nulls = Buffer.alloc((parameters.length + 7) >> 3);
  for (const [index, { value }] of parameters.entries()) {
    if (value === null) nulls[index >> 3] = (nulls[index >> 3] as number) | (1 << (index & 7));
  }
  const given = parameters.filter(({ type }) => step.longData !== true || !byteTypes.has(type));
  return Buffer.concat([
    id,
    head,
    nulls,
    Buffer.from([1]),
    ...parameters.map(typeBytes),
    ...given.map(valueBytes),
  ]);
}

/** @see https://mariadb.com/kb/en/com_stmt_bulk_execute/ */
function bulkArgument(id: Buffer, { executions }: ExecuteStep): Buffer {
  const sendTypes = 128;
  // NULLs have no type of their own: that of another execution is taken.
  const types = (executions[0] ?? []).map((parameter, index) =>
    typeBytes(
      executions.map((one) => one[index] as Parameter).find(({ value }) => value !== null) ?? parameter,
    ),
  );
  const rows = executions.flatMap((parameters) =>
    parameters.map((parameter) =>
      parameter.value === null ? Buffer.from([1]) : Buffer.concat([Buffer.from([0]), valueBytes(parameter)]),
    ),
  );
  return Buffer.concat([id, Buffer.from([sendTypes, 0]), ...types, ...rows]);
}

await runCorpus(async (target, port) =>
  session(await WireConnection.open({ host: target.host, port }, target.first, options), target, port),
);
