/** The listening side: a loopback port or a unix socket, and an orderly end. */
import { chmodSync, lstatSync, unlinkSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { connect } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import type { Hono } from 'hono';
import type { ListenAddress } from './config.ts';

/** Milliseconds. */
const times = {
  /** Longer than the proxy in front keeps idle connections, so that it is always the proxy that closes them. */
  keepAlive: 75_000,
  headers: 10_000,
  request: 15_000,
} as const;

export interface Listener {
  /**
   * Takes no new connection, ends idle ones, lets what runs finish, and cuts it after `limitMs`.
   * False: something had to be cut.
   */
  stop(limitMs: number): Promise<boolean>;
}

/** The address cannot be used; the message says what to do. */
export class ListenError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ListenError';
  }
}

/** Every response, those of the HTTP parser too, says `x-tandem-host: host`. Throws ListenError. */
export async function listen(app: Hono, address: ListenAddress, host: string): Promise<Listener> {
  if (address.kind === 'socket') await removeStaleSocket(address.path);
  const server = createAdaptorServer({
    fetch: app.fetch,
    createServer,
    serverOptions: {
      keepAliveTimeout: times.keepAlive,
      headersTimeout: times.headers,
      requestTimeout: times.request,
      maxHeaderSize: 16 * 1024,
    },
  }) as Server;
  let stopping = false;
  server.prependListener('request', (_request, response) => {
    response.setHeader('x-tandem-host', host);
    if (stopping) response.setHeader('connection', 'close');
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (!socket.writable || error.code === 'ECONNRESET') return void socket.destroy();
    socket.end(rawProblem(error.code ?? '', host));
  });
  await open(server, address);
  return {
    stop: (limitMs) => {
      stopping = true;
      return close(server, limitMs);
    },
  };
}

async function open(server: Server, address: ListenAddress): Promise<void> {
  // The socket is made without access for others, so that there is no moment in which it has it.
  const umask = process.umask(0o117);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.once('listening', resolve);
      if (address.kind === 'socket') server.listen({ path: address.path, backlog: 1_024 });
      else server.listen({ port: address.port, host: '127.0.0.1', backlog: 1_024 });
    });
    if (address.kind === 'socket') chmodSync(address.path, 0o660);
  } catch (error) {
    const where = address.kind === 'socket' ? address.path : `127.0.0.1:${address.port}`;
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    throw new ListenError(`cannot listen on ${where} (${code}). Give PORT another value, or free this one.`, {
      cause: error,
    });
  } finally {
    process.umask(umask);
  }
}

async function close(server: Server, limitMs: number): Promise<boolean> {
  let finished = true;
  const cut = setTimeout(() => {
    finished = false;
    server.closeAllConnections();
  }, limitMs);
  // `close` also ends the idle connections; those that finish from here on close after their response.
  await new Promise<void>((resolve) => server.close(() => resolve()));
  clearTimeout(cut);
  return finished;
}

/** A socket file that a killed process left is removed; one that answers, or another kind of file, never. */
async function removeStaleSocket(path: string): Promise<void> {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return;
  if (!stat.isSocket()) {
    throw new ListenError(
      `cannot listen on ${path}: it is a file of another kind. Remove it, or change PORT.`,
    );
  }
  const answers = await new Promise<boolean>((resolve) => {
    const socket = connect(path);
    const end = (result: boolean) => {
      socket.destroy();
      resolve(result);
    };
    socket.setTimeout(1_000, () => end(true));
    socket.once('connect', () => end(true));
    socket.once('error', (error: NodeJS.ErrnoException) => end(error.code !== 'ECONNREFUSED'));
  });
  if (answers) {
    throw new ListenError(`cannot listen on ${path}: another process does. Stop it, or change PORT.`);
  }
  unlinkSync(path);
}

/** What node:http would answer to bytes that are no request, as problem details. */
function rawProblem(code: string, host: string): string {
  const [status, title] =
    code === 'HPE_HEADER_OVERFLOW'
      ? [431, 'Request Header Fields Too Large']
      : code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? [408, 'Request Timeout']
        : [400, 'Bad Request'];
  const body = JSON.stringify({ type: 'about:blank', title, status });
  return [
    `HTTP/1.1 ${status} ${title}`,
    'content-type: application/problem+json',
    'cache-control: no-store',
    `x-tandem-host: ${host}`,
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
    '',
    body,
  ].join('\r\n');
}
