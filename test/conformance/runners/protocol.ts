/** How a runner is told what to do and tells what it saw: files in, a line of JSON for each step out. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Script, Step } from '../step.ts';

export interface Account {
  readonly user: string;
  readonly password: string;
}

export interface Target {
  readonly host: string;
  /** For scripts of one session, and for those whose sessions see each other's writes. */
  readonly port: number;
  readonly sharedPort: number;
  readonly first: Account;
  readonly second: Account;
  /** How long a `settle` takes: 0 where there is no replica. */
  readonly settleMs: number;
  /** For files that LOAD DATA LOCAL reads. */
  readonly directory: string;
}

/** What a session of one client can do. Anything JSON can hold is an answer; `skipped` is none. */
export interface RunnerSession {
  run(step: Exclude<Step, { kind: 'settle' | 'kill' }>): Promise<unknown>;
  /** As the greeting has it. */
  readonly connectionId: number;
  close(): Promise<void>;
}

export const skipped = { skipped: true };

/** First of every script, on its first session. The answers are compared like all others. */
export const preparation: readonly string[] = [
  'DROP DATABASE IF EXISTS conf',
  'DROP DATABASE IF EXISTS conf_b',
  'CREATE DATABASE conf CHARACTER SET utf8mb4',
  'CREATE DATABASE conf_b CHARACTER SET utf8mb4',
  'USE conf',
];

/** After a KILL: the other session has been told. */
const killedMs = 150;

export function fileOf(target: Target, script: number, step: number): string {
  return join(target.directory, `load-${script}-${step}.txt`);
}

/** A runner's main program: `RUNNER CORPUS TARGET`, both files of JSON. */
export async function runCorpus(
  open: (target: Target, port: number) => Promise<RunnerSession>,
): Promise<void> {
  const scripts = JSON.parse(readFileSync(process.argv[2] as string, 'utf8')) as readonly Script[];
  const target = JSON.parse(readFileSync(process.argv[3] as string, 'utf8')) as Target;
  for (const [index, script] of scripts.entries()) await runScript(index, script, target, open);
  process.stdout.write('', () => process.exit(0));
}

async function runScript(
  number: number,
  script: Script,
  target: Target,
  open: (target: Target, port: number) => Promise<RunnerSession>,
): Promise<void> {
  const sessions = new Map<string, RunnerSession>();
  const session = async (name = 'a'): Promise<RunnerSession> => {
    const known = sessions.get(name);
    if (known !== undefined) return known;
    const opened = await open(target, script.shared ? target.sharedPort : target.port);
    sessions.set(name, opened);
    return opened;
  };
  const tell = (step: number, result: unknown) =>
    process.stdout.write(`${JSON.stringify({ script: number, step, result }, jsonOf)}\n`);
  for (const [at, sql] of preparation.entries()) {
    tell(at - preparation.length, await attempt(await session(), { kind: 'query', sql }));
  }
  for (const [at, step] of script.steps.entries()) {
    if (step.kind === 'settle') await sleep(target.settleMs);
    else if (step.kind === 'kill') {
      const { connectionId } = await session(step.target);
      tell(at, await attempt(await session(step.on), { kind: 'query', sql: `${step.what} ${connectionId}` }));
      await sleep(killedMs);
    } else if (step.kind === 'load') {
      const path = fileOf(target, number, at);
      writeFileSync(path, step.content, 'latin1');
      tell(at, await attempt(await session(step.on), { ...step, sql: step.sql.replace('FILE', path) }));
    } else tell(at, await attempt(await session(step.on), step));
  }
  for (const one of sessions.values()) await one.close();
}

/** A client that doesn't come back is an answer too; its session is asked nothing more. */
const patienceMs = 20_000;
const lost = new WeakSet<RunnerSession>();

async function attempt(session: RunnerSession, step: Parameters<RunnerSession['run']>[0]): Promise<unknown> {
  if (lost.has(session)) return { lost: true };
  const late = new AbortController();
  const timeout = sleep(patienceMs, undefined, { signal: late.signal }).then(
    () => {
      lost.add(session);
      return { noAnswer: true };
    },
    () => undefined,
  );
  try {
    return await Promise.race([session.run(step), timeout]);
  } catch (error) {
    return { thrown: (error as Error).message };
  } finally {
    late.abort();
  }
}

function jsonOf(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? `${value}n` : value;
}
