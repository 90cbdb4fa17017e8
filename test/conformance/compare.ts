/** Runs a client on both sides of the comparison and says where it saw different things. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Client } from './clients.ts';
import { normalise } from './exceptions.ts';
import { flat } from './flat.ts';
import type { Target } from './runners/protocol.ts';
import type { Sides } from './servers.ts';
import type { Script } from './step.ts';

export interface Difference {
  readonly client: string;
  readonly script: string;
  readonly statement: string;
  readonly direct: string;
  readonly routed: string;
}

export interface Comparison {
  readonly client: string;
  /** Answers compared; what the client can't do isn't among them. */
  readonly answers: number;
  readonly errors: number;
  readonly differences: readonly Difference[];
}

/** Answers by script and step, as text. */
type Answers = ReadonlyMap<string, string>;

async function run(
  client: Client & { form?: string },
  scripts: readonly Script[],
  target: Target,
  side: string,
): Promise<Answers> {
  const base = join(target.directory, `${side}-${client.name.replace(/\W/g, '-')}`);
  const [corpusFile, targetFile] = [`${base}-corpus`, `${base}-target`];
  writeFileSync(corpusFile, client.flat === true ? flat(scripts) : JSON.stringify(scripts));
  writeFileSync(targetFile, client.flat === true ? flatTarget(target) : JSON.stringify(target));
  const [program, ...first] = client.command;
  const form = client.form === undefined ? [] : [client.form];
  const child = spawn('setpriv', ['--pdeathsig=KILL', program, ...first, corpusFile, targetFile, ...form], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, TZ: 'UTC', NODE_OPTIONS: '--disable-warning=ExperimentalWarning' },
  });
  let complaints = '';
  child.stderr.on('data', (chunk: Buffer) => {
    complaints += chunk.toString();
  });
  const ended = once(child, 'exit');
  const answers = new Map<string, string>();
  for await (const line of createInterface({ input: child.stdout })) {
    const { script, step } = /^\{"script":(?<script>\d+),"step":(?<step>-?\d+),/.exec(line)?.groups ?? {};
    if (script === undefined) throw new Error(`${client.name} printed ${line.slice(0, 300)}`);
    const answer = line.slice(line.indexOf('"result":') + 9, -1);
    if (!answer.includes('"skipped":true')) answers.set(`${script}/${step}`, normalise(answer));
  }
  const [code] = await ended;
  if (code !== 0) throw new Error(`${client.name} (${side}) ended with ${code}: ${complaints.slice(-2_000)}`);
  return answers;
}

function flatTarget({ host, port, sharedPort, first, settleMs, directory }: Target): string {
  const fields = { host, port, sharedPort, user: first.user, password: first.password, settleMs, directory };
  return Object.entries(fields)
    .map((pair) => pair.join('\t'))
    .join('\n');
}

/** Both sides at once: each has a server of its own. */
export async function compare(
  client: Client & { form?: string },
  scripts: readonly Script[],
  sides: Pick<Sides, 'direct' | 'routed'>,
): Promise<Comparison> {
  const both = [
    run(client, scripts, sides.direct, 'direct'),
    run(client, scripts, sides.routed, 'routed'),
  ] as const;
  // When one fails, the other is not to be in the way of the next client.
  await Promise.allSettled(both);
  const [direct, routed] = await Promise.all(both);
  const differences: Difference[] = [];
  let errors = 0;
  for (const key of new Set([...direct.keys(), ...routed.keys()])) {
    const [left, right] = [direct.get(key), routed.get(key)];
    if (left !== undefined && client.errorLike.test(left)) errors++;
    if (left === right) continue;
    const [script = 0, step = 0] = key.split('/').map(Number);
    differences.push({
      client: client.name,
      script: scripts[script]?.name ?? '',
      statement: describe(scripts[script], step),
      ...around(left ?? 'nothing', right ?? 'nothing'),
    });
  }
  return { client: client.name, answers: direct.size, errors, differences };
}

function describe(script: Script | undefined, at: number): string {
  const step = script?.steps[at];
  if (step === undefined) return `preparation ${at}`;
  return `${at}: ${JSON.stringify(step)}`.slice(0, 300);
}

/** The two texts from shortly before where they begin to differ. */
function around(left: string, right: string): { direct: string; routed: string } {
  let at = 0;
  while (at < left.length && left[at] === right[at]) at++;
  const from = Math.max(0, at - 120);
  return { direct: left.slice(from, at + 200), routed: right.slice(from, at + 200) };
}
