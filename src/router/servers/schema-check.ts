/** Whether an account may use the schema that a client names at its login: that is the server's to say. */
import { ProtocolError } from '#src/mysql-wire/protocol-error.ts';
import type { SessionHost } from '../session/host.ts';
import type { SessionClient } from '../session/session.ts';
import { keyTextOf } from './pool.ts';

/**
 * Errors of a server that the client of a login is to see: no such schema, no right to it, no such account there, a
 * character set that no client can have (1231).
 */
export const schemaErrors: ReadonlySet<number> = new Set([1044, 1045, 1049, 1231, 1698]);

/** Rejects with the server's ProtocolError; asked once, and without a primary the answer comes later. */
export async function checkSchema(
  host: SessionHost,
  client: SessionClient,
  schema: string | undefined,
): Promise<void> {
  const pool = host.primaryPool();
  if (schema === undefined || pool === undefined) return;
  const key = host.loginKey(client);
  const keyText = keyTextOf(key, schema);
  if (pool.knows(keyText)) return;
  try {
    pool.release(await pool.acquire({ key, schema, keyText }, client), false);
  } catch (error) {
    if (error instanceof ProtocolError && schemaErrors.has(error.errno)) throw error;
  }
}
