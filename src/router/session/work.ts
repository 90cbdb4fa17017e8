/** The command that a session is working on. One object for each session, used again. */
import type { ResponseShape } from '#src/mysql-wire/commands.ts';
import { command, responseShape } from '#src/mysql-wire/commands.ts';
import type { ServerConnection } from '../servers/connection.ts';
import type { PreparedStatement } from './prepared.ts';
import type { RouteChoice, RoutedStatement } from './routes.ts';
import { StatementText } from './statement-text.ts';

export class Work {
  active = false;
  /** Commands that the session has worked on. */
  count = 0;
  code = 0;
  shape: ResponseShape = responseShape.result;
  statement: RoutedStatement | undefined;
  prepared: PreparedStatement | undefined;
  choice: RouteChoice | undefined;
  /** A copy of the command packet where it may be needed after the client's bytes are gone. */
  bytes: Buffer | undefined;
  /** The rest of the command is still to come from the client. */
  large = false;
  /** Of the last packet of a command of several, once it has come: an answer begins with the next one. */
  lastSequenceId = 0;
  /** It has no answer, and its server has not taken all of it: the next one waits. */
  flushing = false;
  /** Where it was sent to. */
  connection: ServerConnection | undefined;
  /** The ERR packet of a read-only server, kept while another primary is looked for. */
  refusal: Buffer | undefined;
  /** The answer under way is such a refusal: nothing was executed, so it may be sent to another server. */
  refusedNow = false;
  /** Set at the first delay; `performance.now`. */
  deadlineMs = 0;
  /** When the command was there; `performance.now`. */
  beganMs = 0;
  /** Of a COM_QUERY, until its answer has ended. */
  readonly text = new StatementText();

  begin(code: number, shape: ResponseShape): void {
    this.active = true;
    this.count++;
    this.code = code;
    this.shape = shape;
    this.statement = undefined;
    this.prepared = undefined;
    this.choice = undefined;
    this.bytes = undefined;
    this.large = false;
    this.lastSequenceId = 0;
    this.flushing = false;
    this.connection = undefined;
    this.refusal = undefined;
    this.refusedNow = false;
    this.deadlineMs = 0;
  }

  /** Only an execution does what the text says. */
  get executed(): RoutedStatement | undefined {
    return this.code === command.stmtPrepare || this.code === command.stmtReset ? undefined : this.statement;
  }

  end(): void {
    this.active = false;
    this.lastSequenceId = 0;
    this.flushing = false;
    this.connection = undefined;
    this.bytes = undefined;
    this.prepared = undefined;
  }
}
