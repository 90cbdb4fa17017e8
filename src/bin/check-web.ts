/**
 * `check-web.ts QUESTION`, inside a web host: does every process of the application answer, and nginx in front of them?
 * Prints a `WebCheck`. Asked until all is well, three times in a row, or the time is over.
 */
import { readFile } from 'node:fs/promises';
import { request as httpRequest, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { askUnixSocket } from '#src/adapters/unix-http.ts';
import type { AgentFile } from '#src/topology/agent-config.ts';
import { ports } from '#src/topology/ports.ts';

interface Question {
  /** So long the router's old workers are waited for first: what they close is not to be in use again. */
  readonly drainMs: number;
  readonly sockets: readonly string[];
  readonly healthPath: string;
  readonly timeoutMs: number;
}

const question = JSON.parse(process.argv[2] ?? '{}') as Question;
const answerMs = 2_000;
const pauseMs = 100;
const inARow = 3;

/** Undefined for 200; otherwise a sentence. */
function ask(name: string, send: typeof httpRequest, options: RequestOptions): Promise<string | undefined> {
  return new Promise((resolve) => {
    const outgoing = send(
      { ...options, path: question.healthPath, agent: false, timeout: answerMs },
      (answer) => {
        answer.resume();
        answer.on('end', () =>
          resolve(answer.statusCode === 200 ? undefined : `${name} answers ${answer.statusCode}`),
        );
        answer.on('error', (error) => resolve(`${name}: ${error.message}`));
      },
    );
    outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer within ${answerMs} ms`)));
    outgoing.on('error', (error) => resolve(`${name}: ${error.message}`));
    outgoing.end();
  });
}

const agent = JSON.parse(await readFile('/etc/tandem/agent/agent.json', 'utf8')) as AgentFile;
const [ca, cert, key] = await Promise.all(
  [agent.tls.ca, agent.tls.certificate, agent.tls.key].map((file) => readFile(file)),
);

async function look(): Promise<readonly string[]> {
  const processes = question.sockets.map((socketPath) =>
    ask(socketPath.replace(/^.*\/|\.sock$/g, ''), httpRequest, { socketPath }),
  );
  const options = { host: agent.address, port: ports.web, servername: agent.host, ca, cert, key };
  const nginx = ask('nginx', httpsRequest as typeof httpRequest, options as RequestOptions);
  return (await Promise.all([...processes, nginx])).filter((problem) => problem !== undefined);
}

/** A router that does not say is no reason to wait; what stays open longer than it may is cut by the router itself. */
async function isDrained(): Promise<boolean> {
  const { routerControlSocket } = agent;
  if (routerControlSocket === undefined) return true;
  try {
    const text = await askUnixSocket(routerControlSocket, { path: '/status', timeoutMs: answerMs });
    const { workers } = JSON.parse(text) as { workers: readonly { readonly draining: boolean }[] };
    return workers.every(({ draining }) => !draining);
  } catch {
    return true;
  }
}

const drainEnds = performance.now() + question.drainMs;
while (performance.now() < drainEnds && !(await isDrained())) await sleep(pauseMs);

const deadline = performance.now() + question.timeoutMs;
let problems: readonly string[] = [];
let well = 0;
do {
  problems = await look();
  well = problems.length === 0 ? well + 1 : 0;
  if (well < inARow) await sleep(pauseMs);
} while (well < inARow && performance.now() < deadline);
process.stdout.write(JSON.stringify({ healthy: well >= inARow, problems }));
