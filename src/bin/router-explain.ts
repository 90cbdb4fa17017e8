/** `router-explain.ts SOCKET QUESTION [--json]`: asks a router's control endpoint where a statement would go. */
import { request } from 'node:http';
import type { Explained } from '#src/router/explain.ts';

const timeoutMs = 10_000;

function ask(socketPath: string, question: string): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json' };
    const call = request(
      { socketPath, method: 'POST', path: '/explain', headers, timeout: timeoutMs },
      async (answer) => {
        const text = Buffer.concat(await answer.toArray()).toString();
        resolve({ status: answer.statusCode ?? 0, text });
      },
    );
    call.on('timeout', () => call.destroy(new Error(`no answer in ${timeoutMs} ms`)));
    call.on('error', reject);
    call.end(question);
  });
}

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
  const { status, text } = await ask(socketPath, question);
  if (status !== 200) throw new Error(`it answered ${status}: ${text}`);
  const explained = JSON.parse(text) as Explained;
  process.stdout.write(`${option === '--json' ? JSON.stringify(explained, null, 2) : asText(explained)}\n`);
} catch (error) {
  process.stderr.write(
    `error The SQL router did not say: ${(error as Error).message}\n` +
      "'tandem status' says whether it runs; 'tandem logs' what it wrote.\n",
  );
  process.exitCode = 1;
}
