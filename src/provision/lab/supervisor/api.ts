/** The supervisor's interface: HTTP and JSON over a unix socket that only root may open. */
import { chmodSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { hostname } from 'node:os';
import type {
  DefinedService,
  SupervisorAction,
  SupervisorFailure,
  SupervisorHealth,
} from '#src/adapters/supervisor-client.ts';
import { logPath } from './launch.ts';
import { lastLines } from './logs.ts';
import { type Supervisor, UnknownServiceError } from './supervisor.ts';

const actions: readonly string[] = [
  'start',
  'stop',
  'restart',
  'reload',
  'kill',
] satisfies SupervisorAction[];
const maxBodyBytes = 8 * 1_048_576;
const defaultGraceMs = 3_000;

/** Listens on `path`. The lock guarantees that there is one supervisor, so a socket that is there is a dead one's. */
export function serve(supervisor: Supervisor, path: string, onShutdown: () => void): Server {
  const server = createServer((request, response) => {
    handle(supervisor, request, onShutdown)
      .then((value) => answer(response, 200, value))
      .catch((error: unknown) => answerError(response, request, error));
  });
  rmSync(path, { force: true });
  const umask = process.umask(0o177);
  server.listen(path, () => chmodSync(path, 0o600));
  process.umask(umask);
  return server;
}

async function handle(
  supervisor: Supervisor,
  request: IncomingMessage,
  onShutdown: () => void,
): Promise<unknown> {
  const [, version, noun, name, action] = (request.url ?? '').split('/').map(decodeURIComponent);
  const route = `${request.method} ${version}/${noun}`;
  if (route === 'GET v1/health') {
    return { pid: process.pid, keeperPid: supervisor.keeperPid, host: hostname() } satisfies SupervisorHealth;
  }
  if (route === 'GET v1/services' && name === undefined) return supervisor.statuses();
  if (route === 'PUT v1/services' && name === undefined) {
    supervisor.define((await body(request)) as DefinedService[]);
    return supervisor.statuses();
  }
  if (
    route === 'POST v1/services' &&
    name !== undefined &&
    action !== undefined &&
    actions.includes(action)
  ) {
    return supervisor.act(name, action as SupervisorAction);
  }
  if (route === 'POST v1/shutdown') {
    const { graceMs = defaultGraceMs } = (await body(request)) as { graceMs?: number };
    await supervisor.shutdown(graceMs);
    onShutdown();
    return {};
  }
  throw new UnknownServiceError(`there is nothing at ${request.method} ${request.url}`);
}

async function body(request: IncomingMessage): Promise<unknown> {
  let text = '';
  request.setEncoding('utf8');
  for await (const part of request) {
    text += part;
    if (text.length > maxBodyBytes) throw new Error('the request is too large');
  }
  return text === '' ? {} : JSON.parse(text);
}

function answer(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(value));
}

function answerError(response: ServerResponse, request: IncomingMessage, error: unknown): void {
  const text = error instanceof Error ? error.message : String(error);
  const name = decodeURIComponent(request.url?.split('/')[3] ?? '');
  const isUnknown = error instanceof UnknownServiceError;
  const failure: SupervisorFailure = {
    code: isUnknown ? 'service-unknown' : 'service-failed',
    message: isUnknown ? text : `${name} ${text}`,
    log: isUnknown || name === '' ? [] : lastLines(logPath(name), 10),
  };
  answer(response, isUnknown ? 404 : 500, failure);
}
