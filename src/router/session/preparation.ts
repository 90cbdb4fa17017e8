/**
 * A statement is prepared on a server that doesn't have it yet. It means what it meant when its client prepared it, as on
 * one server: in the default schema, and read by the SQL mode and the character set, of that moment.
 */
import { command, responseShape } from '#src/mysql-wire/commands.ts';
import { commandPacket } from '#src/mysql-wire/framing.ts';
import { readingOf } from '#src/routing/settings.ts';
import { failureOf, type OwnAnswer, type ServerConnection } from '../servers/connection.ts';
import { rowsOf } from '../servers/rows.ts';
import { closePacket, needsPreparing, type PreparedStatement, type PreparedStatements } from './prepared.ts';
import type { SessionRoutes, Slot } from './routes.ts';

/** The session whose statement it is; the connection has its schema and settings, before and after. */
export interface Preparing {
  readonly client: { readonly collation: number };
  readonly routes: SessionRoutes;
  readonly prepared: PreparedStatements;
  readonly connections: { in(slot: Slot): ServerConnection | undefined };
}

/** Rejects with the server's ProtocolError, or an Error when another connection may do. */
export async function prepareOn(
  session: Preparing,
  connection: ServerConnection,
  statement: PreparedStatement,
): Promise<void> {
  if (statement.packet === undefined) throw needsPreparing();
  await learnValues(session, connection);
  const { routes } = session;
  if (isAsThen(session, statement)) {
    const answer = await connection.asked(statement.packet, responseShape.prepare);
    const failure = failureOf(answer);
    if (failure !== undefined) throw failure;
    connection.statements.set(statement.id, { id: answer.statementId, typesVersion: 0 });
    return;
  }
  const then = { schema: statement.routed.schema, settings: statement.settings };
  connection.channel.cork();
  const there = bring(session, connection, routes, then);
  const preparing = connection.asked(statement.packet, responseShape.prepare);
  const back = bring(session, connection, then, routes);
  connection.channel.uncork();
  const arrived = firstFailure(await Promise.all(there));
  const answer = await preparing;
  const returned = firstFailure(await Promise.all(back));
  if (returned !== undefined) {
    connection.lose(`could not restore the session: ${returned.message}`);
    throw returned;
  }
  const failure = arrived ?? failureOf(answer);
  if (failure !== undefined) {
    if (answer.error === undefined) connection.channel.write(closePacket(answer.statementId));
    throw failure;
  }
  connection.statements.set(statement.id, { id: answer.statementId, typesVersion: 0 });
}

/** What a preparation depends on. */
type State = Pick<SessionRoutes, 'schema' | 'settings'>;

function isAsThen({ routes, client }: Preparing, { routed, settings }: PreparedStatement): boolean {
  if (routed.schema !== undefined && routed.schema !== routes.schema) return false;
  if (settings === routes.settings) return true;
  const now = readingOf(routes.settings, client.collation);
  const then = readingOf(settings, client.collation);
  return now.length === then.length && now.every((sql, index) => sql === then[index]);
}

/** What only the connection to the primary knows could not be compared, nor be given back to it. */
async function learnValues(session: Preparing, connection: ServerConnection): Promise<void> {
  const sql = session.routes.unresolved ? session.routes.valuesQuery() : undefined;
  if (sql === undefined || connection !== session.connections.in('primary')) return;
  const packet = commandPacket(command.query, Buffer.from(sql));
  const answer = await connection.asked(packet, responseShape.result);
  const failure = failureOf(answer);
  if (failure !== undefined) throw failure;
  takeValues(session, answer.bytes);
  connection.settings = session.routes.settings;
  connection.database = session.routes.schema;
}

/** The answer to `SessionRoutes.valuesQuery`. What was prepared before the values were known, but set, was prepared with them. */
export function takeValues(
  { routes, prepared }: Pick<Preparing, 'routes' | 'prepared'>,
  answer: Buffer,
): void {
  const [values] = rowsOf(answer);
  if (values === undefined) return;
  const { settings } = routes;
  routes.takeValues(values);
  for (const statement of prepared.values()) {
    if (statement.unresolved && statement.settings === settings) statement.settings = routes.settings;
  }
}

function bring(
  { client }: Preparing,
  connection: ServerConnection,
  from: State,
  to: State,
): Promise<OwnAnswer>[] {
  const answers: Promise<OwnAnswer>[] = [];
  const ask = (code: number, text: string): void => {
    answers.push(connection.asked(commandPacket(code, Buffer.from(text)), responseShape.result));
  };
  // A session can't lose its schema: what was prepared without one names all schemas itself.
  if (from.schema !== undefined && to.schema !== undefined && from.schema !== to.schema) {
    ask(command.initDb, to.schema);
  }
  if (from.settings !== to.settings) {
    for (const sql of readingOf(to.settings, client.collation)) ask(command.query, sql);
  }
  return answers;
}

function firstFailure(answers: readonly OwnAnswer[]): Error | undefined {
  for (const answer of answers) {
    const failure = failureOf(answer);
    if (failure !== undefined) return failure;
  }
  return undefined;
}
