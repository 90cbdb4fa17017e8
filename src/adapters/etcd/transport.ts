/**
 * HTTP requests to etcd's JSON gateway, one endpoint at a time: kept-alive connections, mutual TLS, a deadline per
 * request, and the knowledge whether a failed request had been sent.
 */
import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import type { TLSSocket } from 'node:tls';
import { EtcdError, failureOfAnswer } from './errors.ts';

export interface TlsFiles {
  /** PEM texts. */
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
}

export interface CallOptions {
  readonly endpoint: string;
  readonly path: string;
  readonly body: unknown;
  /** Until the answer is complete. */
  readonly timeoutMs: number;
  /** Until the connection is there (TLS handshake included): a frozen server accepts, but never says hello. */
  readonly connectTimeoutMs: number;
  readonly signal?: AbortSignal;
}

/** An answer is small; more than this is not etcd talking. */
const maxAnswerBytes = 64 * 1024 * 1024;

export class EtcdTransport {
  readonly #agent: Agent;

  constructor(tls: TlsFiles) {
    this.#agent = new Agent({
      keepAlive: true,
      maxSockets: 16,
      maxFreeSockets: 2,
      ca: tls.ca,
      cert: tls.certificate,
      key: tls.key,
      minVersion: 'TLSv1.2',
    });
  }

  /** The answer's JSON. Rejects with an `EtcdError`. */
  async call(options: CallOptions): Promise<Record<string, unknown>> {
    const deadline = Date.now() + options.timeoutMs;
    const { response, abort } = await this.#open(options);
    const timer = setTimeout(() => abort('no answer in time'), Math.max(1, deadline - Date.now()));
    try {
      const text = await readAll(response, options.endpoint);
      return parseAnswer(text, response.statusCode ?? 0, options.endpoint);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Opens a streaming call; `timeoutMs` bounds the time until its head has come. */
  async stream(options: CallOptions): Promise<{ response: IncomingMessage; abort: (why: string) => void }> {
    const opened = await this.#open(options);
    const status = opened.response.statusCode ?? 0;
    if (status !== 200) {
      parseAnswer(await readAll(opened.response, options.endpoint), status, options.endpoint);
    }
    return opened;
  }

  close(): void {
    this.#agent.destroy();
  }

  #open(options: CallOptions): Promise<{ response: IncomingMessage; abort: (why: string) => void }> {
    const { endpoint } = options;
    return new Promise((resolve, reject) => {
      let sent = false;
      const outgoing = request(`${endpoint}${options.path}`, {
        method: 'POST',
        agent: this.#agent,
        headers: { 'content-type': 'application/json' },
        ...(options.signal === undefined ? {} : { signal: options.signal }),
      });
      const abort = (why: string): void => {
        outgoing.destroy(new EtcdError(sent ? 'unknown' : 'unavailable', why, { endpoint }));
      };
      const connectTimer = setTimeout(
        () => abort('no connection in time'),
        Math.min(options.connectTimeoutMs, options.timeoutMs),
      );
      const answerTimer = setTimeout(() => abort('no answer in time'), options.timeoutMs);
      outgoing.once('socket', (socket) => {
        const connected = (): void => {
          sent = true;
          clearTimeout(connectTimer);
        };
        if (socket.connecting || !(socket as TLSSocket).authorized) socket.once('secureConnect', connected);
        else connected();
      });
      outgoing.once('error', (error) => {
        clearTimeout(connectTimer);
        clearTimeout(answerTimer);
        reject(asEtcdError(error, sent, endpoint));
      });
      outgoing.once('response', (response) => {
        clearTimeout(connectTimer);
        clearTimeout(answerTimer);
        resolve({ response, abort: (why) => response.destroy(new EtcdError('unknown', why, { endpoint })) });
      });
      outgoing.end(JSON.stringify(options.body));
    });
  }
}

function asEtcdError(error: unknown, sent: boolean, endpoint: string): EtcdError {
  if (error instanceof EtcdError) return error;
  return new EtcdError(sent ? 'unknown' : 'unavailable', (error as Error).message, { endpoint });
}

/** By its events: an asynchronous iteration costs several times what such an answer takes to parse. */
function readAll(response: IncomingMessage, endpoint: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    response.on('data', (chunk: Buffer) => {
      size += chunk.length;
      chunks.push(chunk);
      if (size > maxAnswerBytes) response.destroy(new EtcdError('unknown', 'answer too large', { endpoint }));
    });
    response.once('end', () => resolve(Buffer.concat(chunks).toString('utf8')));
    response.once('error', (error) => reject(asEtcdError(error, true, endpoint)));
    response.once('close', () => {
      if (!response.complete) reject(new EtcdError('unknown', 'the answer broke off', { endpoint }));
    });
  });
}

function parseAnswer(text: string, status: number, endpoint: string): Record<string, unknown> {
  let answer: Record<string, unknown>;
  try {
    answer = JSON.parse(text) as Record<string, unknown>;
  } catch {
    throw new EtcdError('unknown', `answer ${status} is not JSON`, { endpoint });
  }
  const failed = answer['error'];
  if (status === 200 && failed === undefined) return answer;
  throw errorOfAnswer(answer, endpoint);
}

/** Plain calls answer `{error, code, message}`; streams `{error: {grpc_code, message}}`. */
export function errorOfAnswer(answer: Record<string, unknown>, endpoint: string): EtcdError {
  const inner = typeof answer['error'] === 'object' ? (answer['error'] as Record<string, unknown>) : answer;
  const code = Number(inner['code'] ?? inner['grpc_code'] ?? 2);
  const message = String(inner['message'] ?? inner['error'] ?? 'unexplained error');
  return new EtcdError(failureOfAnswer(code), message, { endpoint, code });
}
