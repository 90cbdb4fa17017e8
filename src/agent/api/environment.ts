/** What every route of the API is handed, and who asks. */
import type { TLSSocket } from 'node:tls';
import type { HttpBindings } from '@hono/node-server';
import type { HonoRequest } from 'hono';

export type Env = { Bindings: HttpBindings };

/** Common name of the caller's certificate: a host of the stack, or the operator. */
export function peerName(socket: TLSSocket): string {
  const name = socket.getPeerCertificate()?.subject?.CN;
  return Array.isArray(name) ? (name[0] ?? '') : (name ?? '');
}

/** Common name of the dashboard's certificate; no host can have it (src/spec/rules-hosts.ts). */
export const dashboardName = 'dashboard';

/** Who asks, for logs and records: the dashboard names the operator that it asks for. */
export function asker(context: { readonly env: Env['Bindings']; readonly req: HonoRequest }): string {
  const name = peerName(context.env.incoming.socket as TLSSocket);
  const actor = context.req.header('x-tandem-actor') ?? '';
  return name === dashboardName && /^[a-z0-9._:-]{1,64}$/.test(actor) ? `${actor} (dashboard)` : name;
}
