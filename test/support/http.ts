/** Small HTTPS client for tests: real sockets, explicit CA, no retries, so that every failed request is seen. */
import { Agent, type RequestOptions, request } from 'node:https';

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface FetchOptions {
  readonly ca: string;
  readonly method?: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Kept-alive connections when given; otherwise a connection of its own. */
  readonly agent?: Agent;
  readonly timeoutMs?: number;
}

export function fetchOnce(url: string, options: FetchOptions): Promise<Answer> {
  const payload = options.body === undefined ? undefined : JSON.stringify(options.body);
  const parameters: RequestOptions = {
    method: options.method ?? 'GET',
    ca: options.ca,
    agent: options.agent ?? false,
    headers: {
      ...(payload === undefined
        ? {}
        : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) }),
      ...options.headers,
    },
  };
  return new Promise((resolve, reject) => {
    const outgoing = request(url, parameters, (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('error', reject);
      incoming.on('end', () =>
        resolve({
          status: incoming.statusCode ?? 0,
          headers: incoming.headers as Record<string, string>,
          body: Buffer.concat(chunks).toString(),
        }),
      );
    });
    const timer = setTimeout(
      () => outgoing.destroy(new Error(`no answer in ${options.timeoutMs ?? 5_000} ms`)),
      options.timeoutMs ?? 5_000,
    );
    outgoing.on('close', () => clearTimeout(timer));
    outgoing.on('error', reject);
    outgoing.end(payload);
  });
}

export function keepAliveAgent(connections: number): Agent {
  return new Agent({ keepAlive: true, maxSockets: connections });
}
