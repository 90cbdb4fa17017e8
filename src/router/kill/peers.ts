/**
 * Routers among themselves: KILL of a session that another host's router has. HTTPS with the certificates of the stack on
 * both sides; only a host that has a router is listened to.
 */
import { createServer, request, type Server } from 'node:https';
import type { TLSSocket } from 'node:tls';
import type { Peer, PeersConfig } from '../config.ts';
import { peerSilent, unknownThread } from '../errors.ts';
import type { KillResult, RouterLog } from '../session/host.ts';
import { ownerOfId } from './connection-ids.ts';
import type { KillRequest } from './kill.ts';

const maxBodyBytes = 4_096;
/** A KILL of a statement takes a round trip to a server, and perhaps a new connection to it. */
const answerMs = 5_000;
const killPath = '/v1/kill';
/** Nobody listens: that router isn't there, nor are its sessions. */
const refused = 'ECONNREFUSED';

export class Peers {
  #config: PeersConfig;
  readonly #server: Server;
  readonly #log: RouterLog;

  /** `kill`: of a session of this host's router. */
  constructor(config: PeersConfig, kill: (request: KillRequest) => Promise<KillResult>, log: RouterLog) {
    this.#config = config;
    this.#log = log;
    this.#server = createServer({
      ...identity(config),
      requestCert: true,
      rejectUnauthorized: true,
      minVersion: 'TLSv1.2',
      headersTimeout: answerMs,
      requestTimeout: answerMs,
    });
    this.#server.on('request', async (incoming, answer) => {
      const status = (code: number): void => void answer.writeHead(code).end();
      const name = (incoming.socket as TLSSocket).getPeerCertificate()?.subject?.CN;
      if (!this.#config.routers.some((peer) => peer.name === name)) return status(403);
      if (incoming.method !== 'POST' || incoming.url !== killPath) return status(404);
      const asked = await bodyOf(incoming).catch(() => undefined);
      if (asked === undefined) return status(400);
      answer.setHeader('content-type', 'application/json');
      answer.end(JSON.stringify({ result: await kill(asked) }));
    });
    // One that can't listen serves its clients all the same; KILL from elsewhere doesn't reach them.
    this.#server.on('error', (error) => this.#unheard(error));
    this.#listen();
  }

  /** From now on: other hosts, other certificates. The address stays. */
  update(config: PeersConfig): void {
    this.#config = config;
    this.#server.setSecureContext(identity(config));
  }

  /** Of a session that this host's router doesn't have. */
  async kill(asked: KillRequest): Promise<KillResult> {
    const number = ownerOfId(asked.id)?.router;
    const peer = this.#config.routers.find((each) => each.number === number);
    if (peer === undefined) return unknownThread(asked.id);
    try {
      return await this.#ask(peer, asked);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === refused) return unknownThread(asked.id);
      this.#log.warn(
        `KILL ${asked.id}: the router of ${peer.name} did not answer: ${(error as Error).message}`,
      );
      return peerSilent(asked.id, peer.name);
    }
  }

  close(): void {
    clearTimeout(this.#again);
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #listen(): void {
    this.#server.listen(this.#config.listen);
  }

  /** A predecessor may have the address for a while yet. */
  #unheard(error: Error): void {
    this.#log.warn(`KILL from other hosts: ${error.message}`);
    this.#again = setTimeout(() => this.#listen(), 1_000);
  }
  #again: NodeJS.Timeout | undefined;

  #ask(peer: Peer, asked: KillRequest): Promise<KillResult> {
    return new Promise((resolve, reject) => {
      const call = request({
        ...identity(this.#config),
        host: peer.host,
        port: peer.port,
        // Whoever has the address now must be that host.
        servername: peer.name,
        path: killPath,
        method: 'POST',
        agent: false,
        signal: AbortSignal.timeout(answerMs),
        headers: { 'content-type': 'application/json' },
      });
      call.on('error', reject);
      call.on('response', async (answer) => {
        try {
          const text = Buffer.concat(await answer.toArray()).toString();
          if (answer.statusCode !== 200) throw new Error(`it answered ${answer.statusCode}`);
          resolve((JSON.parse(text) as { result: KillResult }).result);
        } catch (error) {
          reject(error as Error);
        }
      });
      call.end(JSON.stringify(asked));
    });
  }
}

function identity({ tls }: PeersConfig) {
  return { ca: tls.ca, cert: tls.certificate, key: tls.key };
}

/** Rejects when it isn't a KillRequest. */
async function bodyOf(incoming: AsyncIterable<Buffer>): Promise<KillRequest> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of incoming) {
    bytes += chunk.length;
    if (bytes > maxBodyBytes) throw new Error('too large');
    chunks.push(chunk);
  }
  const { id, user, queryOnly } = JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>;
  if (typeof id !== 'number' || typeof user !== 'string' || typeof queryOnly !== 'boolean') {
    throw new Error('not understood');
  }
  return { id, user, queryOnly };
}
