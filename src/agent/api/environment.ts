/** What every route of the API is handed, and who asks. */
import type { TLSSocket } from 'node:tls';
import type { HttpBindings } from '@hono/node-server';

export type Env = { Bindings: HttpBindings };

/** Common name of the caller's certificate: a host of the stack, or the operator. */
export function peerName(socket: TLSSocket): string {
  const name = socket.getPeerCertificate()?.subject?.CN;
  return Array.isArray(name) ? (name[0] ?? '') : (name ?? '');
}
