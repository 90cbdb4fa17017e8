/** What every route is handed. */
import type { TLSSocket } from 'node:tls';
import type { HttpBindings } from '@hono/node-server';
import type { Context } from 'hono';
import type { Role } from '../api/schemas.ts';

export interface Caller {
  readonly name: string;
  readonly role: Role;
  readonly via: 'session' | 'token' | 'certificate';
  /** Of a session. */
  readonly sessionId?: string;
  /** Of a session: fingerprint of the password's hash that it was opened with. */
  readonly password?: string;
  /** When what the caller came with ends at the latest. */
  readonly untilMs: number | null;
}

export type Env = { Bindings: HttpBindings; Variables: { caller: Caller } };

export function addressOf(c: Context<Env>): string {
  return (c.env.incoming.socket.remoteAddress ?? '').replace(/^::ffff:/, '');
}

export function socketOf(c: Context<Env>): TLSSocket {
  return c.env.incoming.socket as TLSSocket;
}
