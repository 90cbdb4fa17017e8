/** `command-line.ts CORPUS TARGET`: one `mariadb` client for the whole corpus; what it prints is told script by script. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import type { Script } from '../step.ts';
import { fileOf, preparation, type Target } from './protocol.ts';

const scripts = JSON.parse(readFileSync(process.argv[2] as string, 'utf8')) as readonly Script[];
const target = JSON.parse(readFileSync(process.argv[3] as string, 'utf8')) as Target;

/** An open quote or comment would swallow everything behind it: the client reads on. */
function isClosed(sql: string): boolean {
  const rest = sql
    .replace(/\\./gs, '')
    .replace(/'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\/\*.*?\*\/|(?:#|-- )[^\n]*/gs, '');
  return !/['"`]|\/\*/.test(rest);
}

/** Only text, and one session: what this client can do. */
function inputOf(script: Script, number: number): string {
  const lines = [
    '\\r information_schema',
    `SELECT '#### ${number}'$$`,
    ...preparation.map((sql) => `${sql}$$`),
  ];
  for (const [at, step] of script.steps.entries()) {
    if ('on' in step && step.on !== undefined && step.on !== 'a') continue;
    if (step.kind === 'settle') lines.push(`\\! sleep ${target.settleMs / 1_000}`);
    if (step.kind === 'load') {
      const path = fileOf(target, number, at);
      writeFileSync(path, step.content, 'latin1');
      lines.push(`${step.sql.replace('FILE', path)}$$`);
    }
    if (step.kind === 'query' && isClosed(step.sql) && !step.sql.includes('$$'))
      lines.push(`${step.sql}\n$$`);
  }
  return `${lines.join('\n')}\n`;
}

// Both of its outputs into one pipe: errors stay where they happened.
const client = spawn(
  'sh',
  [
    '-c',
    'exec mariadb "$@" 2>&1',
    'mariadb',
    '--no-defaults',
    '--batch',
    '--unbuffered',
    '--force',
    '--comments',
    '--column-type-info',
    '--show-warnings',
    '--local-infile=1',
    '--default-character-set=utf8mb4',
    '--max-allowed-packet=64M',
    '--protocol=TCP',
    '-vvv',
    `--host=${target.host}`,
    `--port=${target.port}`,
    `--user=${target.first.user}`,
  ],
  { stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, MYSQL_PWD: target.first.password } },
);
const output: Buffer[] = [];
client.stdout.on('data', (chunk: Buffer) => output.push(chunk));
client.stdin.write('delimiter $$\n');
for (const [number, script] of scripts.entries()) {
  if (!script.shared && !client.stdin.write(inputOf(script, number))) {
    await new Promise((resolve) => client.stdin.once('drain', resolve));
  }
}
client.stdin.end();
await new Promise((resolve) => client.once('close', resolve));

let script = -1;
let step = 0;
let lines: string[] = [];
const tell = () => {
  if (script >= 0) process.stdout.write(`${JSON.stringify({ script, step, result: lines })}\n`);
  lines = [];
  step++;
};
for (const line of Buffer.concat(output).toString('latin1').split('\n')) {
  const began = /^SELECT '#### (\d+)'/.exec(line);
  if (began !== null) {
    script = Number(began[1]);
    step = 0;
  }
  lines.push(line.length > 2_000 ? `${line.length} ${createHash('sha1').update(line).digest('hex')}` : line);
  // Every statement is shown between two of these before its answer.
  if (line === '--------------' && lines.length > 1) tell();
}
tell();
