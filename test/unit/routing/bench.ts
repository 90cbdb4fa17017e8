/**
 * How long analysis takes: `sh scripts/node.sh test/unit/routing/bench.ts`. Prints for each kind of statement the
 * nanoseconds per statement and the MB/s of: the tokeniser alone, analysis, analysis with the catalogue, the
 * fingerprint, and `step` and `chooseBackend` for a read. Each is the best of several rounds, so that a busy machine
 * disturbs little.
 */
import { analyse } from '#src/routing/analyse.ts';
import { chooseBackend } from '#src/routing/choose.ts';
import { fingerprint } from '#src/routing/fingerprint.ts';
import { nothingSeen } from '#src/routing/freshness.ts';
import { Lexer } from '#src/routing/lexer.ts';
import type { Member } from '#src/routing/member.ts';
import { defaultModes } from '#src/routing/modes.ts';
import { resolve } from '#src/routing/resolve.ts';
import { newSession } from '#src/routing/session.ts';
import { step } from '#src/routing/step.ts';
import { token } from '#src/routing/token.ts';
import { answered } from './outcomes.ts';
import { catalogue } from './table/schema.ts';

const columns = Array.from({ length: 30 }, (_, index) => `t.column_${index}`).join(', ');
const values = Array.from({ length: 100 }, (_, index) => `(${index}, 'value number ${index}', NOW())`).join(
  ', ',
);
const statements: Readonly<Record<string, string>> = {
  'point select': 'SELECT c FROM t WHERE id=12345',
  'range select': 'SELECT DISTINCT b FROM t WHERE id BETWEEN 100 AND 199 ORDER BY b',
  'ORM select': `SELECT ${columns} FROM \`t\` LEFT JOIN \`u\` ON u.t_id = t.id WHERE t.a IN (1, 2, 3) AND u.name LIKE 'x%' ORDER BY t.id DESC LIMIT 20`,
  update: 'UPDATE t SET a=a+1 WHERE id=12345',
  'insert of 100 rows': `INSERT INTO t (a, b, c) VALUES ${values}`,
  'insert of 1 MB': `INSERT INTO t (b) VALUES ('${'x'.repeat(1_000_000)}')`,
  begin: 'BEGIN',
  'set names': 'SET NAMES utf8mb4',
};

const rounds = 7;

/** Best nanoseconds per call. */
function measure(call: () => unknown, bytes: number): number {
  const count = Math.max(3, Math.min(100_000, Math.floor(20_000_000 / (bytes + 200))));
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round++) {
    const begin = process.hrtime.bigint();
    for (let index = 0; index < count; index++) call();
    best = Math.min(best, Number(process.hrtime.bigint() - begin) / count);
  }
  return best;
}

const lexer = new Lexer();
function tokens(bytes: Buffer): number {
  lexer.start(bytes, defaultModes);
  let count = 0;
  while (lexer.nextStatement() !== token.end) count++;
  return count;
}

const row = (name: string, ...cells: readonly string[]): string =>
  name.padEnd(22) + cells.map((cell) => cell.padStart(18)).join('');

console.log(row('', 'tokens', 'analysis', 'with catalogue', 'fingerprint'));
for (const [name, sql] of Object.entries(statements)) {
  const bytes = Buffer.from(sql);
  const cells = [
    () => tokens(bytes),
    () => analyse(bytes),
    () => resolve(analyse(bytes), 'test', catalogue),
    () => fingerprint(bytes),
  ].map((call) => {
    const nanoseconds = measure(call, bytes.length);
    return `${nanoseconds.toFixed(0)} ns ${((bytes.length / nanoseconds) * 1000).toFixed(0)} MB/s`;
  });
  console.log(row(name, ...cells));
}

const members: Member[] = ['db1', 'db2'].map((name) => ({
  name,
  role: name === 'db1' ? 'primary' : 'replica',
  epoch: 1,
  state: 'up',
  applied: [{ domain: 0, server: 1, sequence: 5 }],
  logged: [{ domain: 0, server: 1, sequence: 5 }],
  askedMs: 0,
  lagMs: 0,
  applyDelayMs: 1,
  weight: 1,
  outstanding: 0,
}));
const resolved = resolve(analyse('SELECT c FROM t WHERE id=1'), 'test', catalogue);
const session = step(newSession('test'), resolved, answered({ member: 'db2', role: 'replica', endedMs: 1 }));
const limits = { maxLagMs: 1000, maxWaitMs: 0, primaryDelayMs: 0 };
const outcome = answered({ member: 'db2', role: 'replica', endedMs: 2 });
const choice = measure(
  () =>
    chooseBackend({
      session,
      resolved,
      members,
      level: 'session',
      shared: nothingSeen,
      limits,
      beganMs: 0,
      spread: 0,
    }),
  200,
);
console.log(
  `chooseBackend of a read ${choice.toFixed(0)} ns, step after it ${measure(() => step(session, resolved, outcome), 200).toFixed(0)} ns`,
);
