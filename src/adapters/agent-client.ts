/**
 * The command-line tool's side of the agents' HTTPS API: mutual TLS with the operator's certificate. Node's own part of
 * it is loaded with the first request: it is a tenth of what a command takes that makes none.
 */
import type { Agent } from 'node:https';
import type { PeerCertificate } from 'node:tls';
import { TandemError } from '#src/std/errors.ts';
import type { AgentStatus } from '#src/topology/agent-api.ts';
import { ports } from '#src/topology/ports.ts';

/** PEM texts. */
export interface ClientIdentity {
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
}

/** Where an agent is: its address, and the unix socket that leads there when this machine does not reach it itself. */
export interface AgentEndpoint {
  readonly address: string;
  readonly socketPath?: string | undefined;
}

/** Options of a request that takes the way through a socket, and still checks who answers. */
export async function throughSocket(
  socketPath: string | undefined,
  address: string,
): Promise<{
  socketPath?: string;
  checkServerIdentity?: (name: string, peer: PeerCertificate) => Error | undefined;
}> {
  if (socketPath === undefined) return {};
  const { checkServerIdentity } = await import('node:tls');
  return { socketPath, checkServerIdentity: (_name, peer) => checkServerIdentity(address, peer) };
}

export interface AgentAnswer {
  readonly status: number;
  readonly body: unknown;
}

export interface AgentAsk {
  readonly method?: string;
  readonly path: string;
  readonly body?: unknown;
  readonly timeoutMs: number;
  readonly port?: number;
  /** Keeps connections for whoever asks often; without it each request has its own. */
  readonly connections?: Agent;
  readonly headers?: Readonly<Record<string, string>>;
}

/** One request to an agent; rejects when there is no whole answer in `timeoutMs`. */
export async function askAgent(
  endpoint: AgentEndpoint,
  identity: ClientIdentity,
  ask: AgentAsk,
): Promise<AgentAnswer> {
  const { address, socketPath } = endpoint;
  const payload = ask.body === undefined ? undefined : JSON.stringify(ask.body);
  const { request } = await import('node:https');
  const way = await throughSocket(socketPath, address);
  return new Promise((resolve, reject) => {
    const outgoing = request({
      host: address,
      ...way,
      port: ask.port ?? ports.agent,
      path: ask.path,
      method: ask.method ?? 'GET',
      agent: ask.connections ?? false,
      ca: identity.ca,
      cert: identity.certificate,
      key: identity.key,
      signal: AbortSignal.timeout(ask.timeoutMs),
      headers: {
        ...ask.headers,
        ...(payload === undefined
          ? {}
          : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) }),
      },
    });
    const fail = (cause: Error) =>
      reject(
        new TandemError(
          'agent-unreachable',
          `The agent at ${address} did not answer ${ask.path}: ${cause.message}.`,
          {
            hint: "See 'tandem status', and the agent's log with 'tandem logs HOST agent'.",
            cause,
          },
        ),
      );
    outgoing.on('error', fail);
    outgoing.on('response', (incoming) => {
      let text = '';
      incoming.setEncoding('utf8');
      incoming.on('data', (chunk: string) => {
        text += chunk;
      });
      incoming.on('error', fail);
      incoming.on('end', () => resolve({ status: incoming.statusCode ?? 0, body: parse(text) }));
    });
    outgoing.end(payload);
  });
}

function parse(text: string): unknown {
  try {
    return text === '' ? null : JSON.parse(text);
  } catch {
    return text;
  }
}

export async function fetchAgentStatus(
  endpoint: AgentEndpoint,
  identity: ClientIdentity,
  timeoutMs: number,
): Promise<AgentStatus> {
  const { body } = await askAgent(endpoint, identity, { path: '/v1/status', timeoutMs });
  return body as AgentStatus;
}
