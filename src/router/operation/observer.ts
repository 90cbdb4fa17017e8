/**
 * What becomes of statements: counted always, looked at closely (text, fingerprint) only when one was slow, or as a
 * sample: like a profiler, once for about every 20 ms of statements' time.
 */
import { command } from '#src/mysql-wire/commands.ts';
import { headerBytes } from '#src/mysql-wire/framing.ts';
import type { RouterLog } from '../session/host.ts';
import type { RoutedStatement, SessionRoutes } from '../session/routes.ts';
import type { Work } from '../session/work.ts';
import { type ErrorKind, type MemberStatistics, Statistics } from './statistics.ts';
import { type TopStatement, TopStatements } from './top-statements.ts';

/** Of the session whose answer ended. */
export interface Answered {
  readonly client: { readonly id: number; readonly account: { readonly user: string } };
  readonly work: Work;
  readonly routes: Pick<SessionRoutes, 'fingerprint'>;
  readonly answer: { readonly ok: boolean; readonly bytes: number };
}

export interface AnsweringMember {
  readonly member: { readonly name: string };
  readonly statistics: MemberStatistics;
}

const sampleEveryMs = 20;
const shapesKept = 200;
/** More lines than this in a second help nobody. */
const slowLinesPerSecond = 10;

export class Observer {
  readonly statistics = new Statistics();
  readonly #top = new TopStatements(shapesKept);
  readonly #log: RouterLog;
  readonly #slowMs: number;
  /** Statements' time since the last sample, and at how much of it the next one is taken. */
  #passedMs = 0;
  #nextMs = sampleEveryMs;
  #second = 0;
  #lines = 0;

  /** Statements of `slowMs` milliseconds and more are logged; 0: none. */
  constructor(log: RouterLog, slowMs: number) {
    this.#log = log;
    this.#slowMs = slowMs === 0 ? Number.POSITIVE_INFINITY : slowMs;
  }

  /** An answer has ended; `ran` is undefined for a command without a text that runs. */
  answered(
    session: Answered,
    member: AnsweringMember,
    ran: RoutedStatement | undefined,
    rows: number,
    endedMs: number,
  ): void {
    const { work, answer } = session;
    const tookMs = endedMs - work.beganMs;
    const counted = member.statistics.classes[ran?.class ?? 'command'];
    counted.add(tookMs, rows, answer.bytes);
    if (!answer.ok) {
      counted.errors++;
      this.statistics.errors.server++;
    }
    const { choice } = work;
    if (choice !== undefined) this.statistics.routed(choice.slot, choice.reason);
    this.#passedMs += tookMs;
    const sampled = this.#passedMs >= this.#nextMs;
    if (sampled || tookMs >= this.#slowMs) this.#lookAt(session, member, ran, rows, tookMs, sampled);
  }

  failed(kind: ErrorKind): void {
    this.statistics.errors[kind]++;
  }

  resent(): void {
    this.statistics.resent++;
  }

  top(count: number): readonly TopStatement[] {
    return this.#top.list(count);
  }

  #lookAt(
    session: Answered,
    member: AnsweringMember,
    ran: RoutedStatement | undefined,
    rows: number,
    tookMs: number,
    sampled: boolean,
  ): void {
    const { work, answer, client } = session;
    const shape = ran === undefined ? `command ${work.code}` : shapeOf(session);
    if (sampled) {
      const reason = work.choice?.reason ?? 'no choice';
      this.#top.add(shape, tookMs, this.#passedMs, member.member.name, reason);
      this.#passedMs = 0;
      // Not at equal distances: what is repeated in step with them would be seen always or never.
      this.#nextMs = sampleEveryMs * (0.5 + Math.random());
    }
    if (tookMs < this.#slowMs || !this.#mayLog()) return;
    const where = `on ${member.member.name} (${work.choice?.reason ?? 'no choice'})`;
    const what = `${rows} rows, ${answer.bytes} bytes${answer.ok ? '' : ', an error'}`;
    const who = `${client.account.user}, connection ${client.id}`;
    this.#log.info(`slow statement: ${Math.round(tookMs)} ms ${where}; ${what}; ${who}: ${shape}`);
  }

  #mayLog(): boolean {
    const second = Math.floor(performance.now() / 1_000);
    if (second !== this.#second) {
      if (this.#lines > slowLinesPerSecond) {
        this.#log.info(`slow statements: ${this.#lines - slowLinesPerSecond} more in that second`);
      }
      this.#second = second;
      this.#lines = 0;
    }
    return ++this.#lines <= slowLinesPerSecond;
  }
}

/** Values are not in it: it may be logged. */
function shapeOf({ routes, work }: Answered): string {
  const { prepared, text, code } = work;
  if (prepared?.packet !== undefined) return routes.fingerprint(prepared.packet.subarray(headerBytes + 1));
  if (prepared !== undefined) return 'a prepared statement whose text was too long to keep';
  if (code !== command.query) return `command ${code}`;
  const shape = routes.fingerprint(text.bytes);
  return text.cut && !shape.endsWith('…') ? `${shape} …` : shape;
}
