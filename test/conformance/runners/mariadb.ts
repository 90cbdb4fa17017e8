/** MariaDB's own connector for Node.js. */
import { type Connection, createConnection, type FieldInfo, type SqlError } from 'mariadb';
import type { ExecuteStep, Parameter } from '../step.ts';
import { type RunnerSession, runCorpus, skipped, type Target } from './protocol.ts';
import { byteTypes } from './wire-parameters.ts';

function givenOf({ type, value }: Parameter): unknown {
  if (value === null) return null;
  if (byteTypes.has(type)) return Buffer.from(value, 'hex');
  if (/^u?(tiny|short|int24|long)$|^(float|double|year)$/.test(type)) return Number(value);
  if (/^u?longlong$/.test(type)) return BigInt(value);
  if (type === 'datetime' || type === 'timestamp') return new Date(value.replace(' ', 'T'));
  return value;
}

function fieldOf(field: FieldInfo): unknown {
  const { collation, columnLength, type, columnType, scale, flags } = field as FieldInfo & {
    columnType?: unknown;
  };
  return {
    names: [field.db(), field.schema(), field.table(), field.orgTable(), field.name(), field.orgName()],
    collation: collation?.index,
    columnLength,
    type,
    columnType,
    scale,
    flags,
  };
}

/** Results are arrays of rows with a `meta`, or objects of counts; several of them are an array of those. */
function answerOf(result: unknown): unknown {
  if (typeof result === 'object' && result !== null && 'meta' in result) {
    const { meta } = result as { meta: readonly FieldInfo[] };
    const rows = Array.isArray(result) ? result.map((part: unknown) => answerOf(part)) : result;
    return {
      rows,
      meta: Array.isArray(meta)
        ? meta.flat().map((field) => (typeof field?.name === 'function' ? fieldOf(field) : field))
        : meta,
    };
  }
  return result ?? null;
}

async function attempt(work: () => Promise<unknown>): Promise<unknown> {
  try {
    return answerOf(await work());
  } catch (error) {
    const { errno, code, sqlState, sqlMessage, fatal, message } = error as SqlError;
    return { error: { errno, code, sqlState, sqlMessage, fatal, message } };
  }
}

function session(connection: Connection, target: Target): RunnerSession {
  return {
    connectionId: connection.threadId ?? 0,
    close: async () => connection.destroy(),
    async run(step) {
      switch (step.kind) {
        case 'query':
        case 'load':
          return attempt(() => connection.query(step.sql));
        case 'execute':
          return executeStep(connection, step);
        case 'ping':
          return attempt(() => connection.ping());
        case 'reset':
          return attempt(() => connection.reset());
        case 'useSchema':
        case 'command':
        case 'login':
          return skipped;
        case 'changeUser': {
          const account = step.account === 'second' ? target.second : target.first;
          const password = step.account === 'wrong' ? 'wrong' : account.password;
          return attempt(() =>
            connection.changeUser({ ...account, password, database: step.schema ?? 'conf' }),
          );
        }
      }
    },
  };
}

async function executeStep(connection: Connection, step: ExecuteStep): Promise<unknown> {
  const values = step.executions.map((parameters) => parameters.map(givenOf));
  if (step.bulk === true) return attempt(() => connection.batch(step.sql, values));
  const all: unknown[] = [];
  let failed: unknown;
  const prepared = await connection.prepare(step.sql).catch((error: unknown) => {
    failed = error;
  });
  if (prepared === undefined) return attempt(() => Promise.reject(failed));
  for (const parameters of values) all.push(await attempt(() => prepared.execute(parameters)));
  prepared.close();
  return all;
}

await runCorpus(async (target, port) => {
  const connection = await createConnection({
    host: target.host,
    port,
    ...target.first,
    // Without one its change of user leaves the schema out of the packet, and no server understands that.
    database: 'information_schema',
    multipleStatements: true,
    rowsAsArray: true,
    metaAsArray: false,
    dateStrings: true,
    permitLocalInfile: true,
    checkDuplicate: false,
    charset: 'utf8mb4',
  });
  connection.on('error', () => undefined);
  return session(connection, target);
});
