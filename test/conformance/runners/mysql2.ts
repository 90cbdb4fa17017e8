/** mysql2, with everything that it tells. */
import { createReadStream } from 'node:fs';
import mysql, { type Connection } from 'mysql2';
import type { ExecuteStep, Parameter } from '../step.ts';
import { type RunnerSession, runCorpus, skipped, type Target } from './protocol.ts';
import { byteTypes } from './wire-parameters.ts';

const integers = /^u?(tiny|short|int24|long)$|^(float|double|year)$/;

function givenOf({ type, value }: Parameter): unknown {
  if (value === null) return null;
  if (byteTypes.has(type)) return Buffer.from(value, 'hex');
  if (integers.test(type)) return Number(value);
  if (type === 'datetime' || type === 'timestamp') return new Date(`${value.replace(' ', 'T')}Z`);
  return value;
}

function fieldOf(field: unknown): unknown {
  if (Array.isArray(field)) return field.map(fieldOf);
  if (field === null || typeof field !== 'object') return field ?? null;
  const one = field as Record<string, unknown>;
  return Object.fromEntries(
    [
      'catalog',
      'schema',
      'table',
      'orgTable',
      'name',
      'orgName',
      'characterSet',
      'encoding',
      'columnLength',
      'columnType',
      'flags',
      'decimals',
      'typeName',
    ].map((name) => [name, one[name]]),
  );
}

function answerOf(error: mysql.QueryError | null | undefined, rows: unknown, fields: unknown): unknown {
  // Not every command's callback says `null`.
  if (error) {
    const { code, errno, sqlState, sqlMessage, message, fatal } = error as mysql.QueryError & {
      sqlMessage?: string;
    };
    return { error: { code, errno, sqlState, sqlMessage, message, fatal } };
  }
  // The server lists several changed variables in any order.
  const changes = (rows as { stateChanges?: { systemVariables?: object } } | undefined)?.stateChanges;
  if (changes?.systemVariables !== undefined) {
    changes.systemVariables = Object.fromEntries(Object.entries(changes.systemVariables).sort());
  }
  return { rows, fields: fieldOf(fields) };
}

function session(connection: Connection, target: Target): RunnerSession {
  const query = (sql: string, more: object = {}): Promise<unknown> =>
    new Promise((resolve) => {
      connection.query({ sql, ...more }, (error, rows, fields) => resolve(answerOf(error, rows, fields)));
    });
  const plain = (work: (done: (error: mysql.QueryError | null) => void) => void): Promise<unknown> =>
    new Promise((resolve) => work((error) => resolve(answerOf(error, undefined, undefined))));
  return {
    connectionId: connection.threadId as unknown as number,
    close: async () => connection.destroy(),
    async run(step) {
      switch (step.kind) {
        case 'query':
          return query(step.sql);
        case 'load':
          return query(step.sql, { infileStreamFactory: (path: string) => createReadStream(path) });
        case 'execute':
          return executeStep(connection, step);
        case 'ping':
          return plain((done) => connection.ping(done));
        case 'reset':
          return plain((done) => (connection as unknown as { reset(d: typeof done): void }).reset(done));
        case 'useSchema':
        case 'command':
        case 'login':
          return skipped;
        case 'changeUser': {
          const account = step.account === 'second' ? target.second : target.first;
          const password = step.account === 'wrong' ? 'wrong' : account.password;
          return plain((done) =>
            connection.changeUser({ ...account, password, database: step.schema ?? 'conf' }, done),
          );
        }
      }
    },
  };
}

function executeStep(connection: Connection, { sql, executions }: ExecuteStep): Promise<unknown> {
  return new Promise((resolve) => {
    connection.prepare(sql, (error, statement) => {
      if (error) {
        resolve(answerOf(error, undefined, undefined));
        return;
      }
      void (async () => {
        const all: unknown[] = [];
        for (const parameters of executions) {
          all.push(
            await new Promise((done) => {
              try {
                statement.execute(parameters.map(givenOf) as never, (failure, rows, fields) =>
                  done(answerOf(failure, rows, fields)),
                );
              } catch (refused) {
                done({ refused: (refused as Error).message });
              }
            }),
          );
        }
        // Closing alone leaves the number in its cache, to be executed in vain.
        connection.unprepare(sql);
        resolve(all);
      })();
    });
  });
}

await runCorpus(async (target, port) => {
  const connection = mysql.createConnection({
    host: target.host,
    port,
    ...target.first,
    multipleStatements: true,
    rowsAsArray: true,
    supportBigNumbers: true,
    bigNumberStrings: true,
    dateStrings: true,
  });
  connection.on('error', () => undefined);
  await new Promise<void>((resolve, reject) =>
    connection.connect((error) => (error ? reject(error) : resolve())),
  );
  return session(connection, target);
});
