/** `router-explain.ts SOCKET QUESTION [--json]`: asks a router's control endpoint where a statement would go. */
import { askUnixSocket } from '#src/adapters/unix-http.ts';
import type { Explained } from '#src/router/operation/explain.ts';

const timeoutMs = 10_000;

function asText({ slot, member, because, reason, consistency, waitFor, ...rest }: Explained): string {
  const where = member === null ? `${slot}, when there is one` : `${slot}, ${member}`;
  const wait =
    waitFor === null ? [] : [['wait', `until ${waitFor.position} is applied, ${waitFor.ms} ms at most`]];
  const lines = [
    ['goes to', where],
    ['because', because],
    ['reason', reason],
    ['class', rest.class],
    ['consistency', consistency],
    ...wait,
    ['shape', rest.fingerprint],
  ];
  return lines.map(([key = '', value]) => `${key.padEnd(12)} ${value}`).join('\n');
}

const [socketPath = '', question = '', option] = process.argv.slice(2);
try {
  const ask = { path: '/explain', question: JSON.parse(question) as object, timeoutMs };
  const explained = JSON.parse(await askUnixSocket(socketPath, ask)) as Explained;
  process.stdout.write(`${option === '--json' ? JSON.stringify(explained, null, 2) : asText(explained)}\n`);
} catch (error) {
  process.stderr.write(
    `error The SQL router did not say: ${(error as Error).message}\n` +
      "'tandem status' says whether it runs; 'tandem logs' what it wrote.\n",
  );
  process.exitCode = 1;
}
