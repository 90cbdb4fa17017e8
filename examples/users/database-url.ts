/**
 * The database's address as the environment gives it: the SQL router of this host, on a unix socket or on loopback.
 *
 *     mysql://user:password@localhost/schema?socket=/path/router.sock
 *     mysql://user:password@localhost[:port]/schema
 *
 * Pure. No message repeats any part of the text that can hold a secret.
 */

/** Where the database answers, and the account to use there. */
export interface DatabaseTarget {
  /** For logs: `host:port` or the socket's path. */
  readonly label: string;
  readonly host: string;
  readonly port: number;
  /** A unix socket instead of host and port. */
  readonly socketPath: string | null;
  readonly user: string;
  /** A function, so that printing a target cannot print the password. */
  readonly password: () => string;
  readonly schema: string;
}

/** `problem`: what is wrong. `hint`: what to write instead. */
export interface UrlIssue {
  readonly problem: string;
  readonly hint: string;
}

export type UrlResult =
  | { readonly ok: true; readonly target: DatabaseTarget }
  | { readonly ok: false; readonly issue: UrlIssue };

const form = 'mysql://USER:PASSWORD@localhost/SCHEMA?socket=/path';
const urlPattern = /^mysql:\/\/(?:([^:@/?#]*)(?::([^@/?#]*))?@)?([^@/?#]*)(?:\/([^?#]*))?(?:\?([^#]*))?$/;
const hostPattern =
  /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?))(?::([0-9]{1,5}))?$/;

class Wrong extends Error {
  readonly hint: string;
  constructor(problem: string, hint: string) {
    super(problem);
    this.hint = hint;
  }
}

/** Errors are returned, not thrown. */
export function parseDatabaseUrl(text: string): UrlResult {
  try {
    return { ok: true, target: parse(text) };
  } catch (error) {
    if (error instanceof Wrong) return { ok: false, issue: { problem: error.message, hint: error.hint } };
    throw error;
  }
}

function parse(text: string): DatabaseTarget {
  if (!text.startsWith('mysql://')) throw new Wrong('does not start with mysql://', `Write ${form}.`);
  const match = urlPattern.exec(text);
  if (match === null) {
    throw new Wrong(
      'is not an address of that form',
      `Write ${form}; in user and password write @ as %40, / as %2F, ? as %3F, # as %23, : as %3A, % as %25.`,
    );
  }
  const [, user = '', password = '', place = '', schema = '', query = ''] = match;
  if (user === '') throw new Wrong('names no user', `Write ${form}.`);
  if (!/^[A-Za-z0-9_$-]{1,64}$/.test(decoded(schema, 'schema'))) {
    throw new Wrong('names no schema (1 to 64 letters, digits, _ $ -)', `Write ${form}.`);
  }
  const secret = decoded(password, 'password');
  const account = {
    user: decoded(user, 'user'),
    password: () => secret,
    schema: decoded(schema, 'schema'),
  };
  const { host, port } = parseHost(place);
  const socketPath = parseSocket(query);
  if (socketPath !== null) return { ...account, host: 'localhost', port: 0, socketPath, label: socketPath };
  return { ...account, host, port, socketPath, label: labelOf(host, port) };
}

function parseHost(text: string): { host: string; port: number } {
  const match = hostPattern.exec(text);
  const port = Number(match?.[3] ?? '3306');
  if (match === null || port < 1 || port > 65_535) {
    throw new Wrong(
      text === '' ? 'has an empty host' : 'has a host that is not a name or an address with an optional port',
      'Write localhost, or localhost:PORT.',
    );
  }
  const host = match[1] ?? match[2] ?? '';
  if (!isLoopback(host)) {
    throw new Wrong(
      `reaches ${host} over the network`,
      'Write localhost: the SQL router of this host knows the database and speaks TLS to it.',
    );
  }
  return { host, port };
}

/** The one option there is. */
function parseSocket(query: string): string | null {
  if (query === '') return null;
  const [name, value, ...rest] = query.split('=');
  if (name !== 'socket' || value === undefined || rest.length > 0) {
    throw new Wrong('has an unknown option', 'Write ?socket=/path, or nothing.');
  }
  const path = decoded(value, 'socket');
  if (!path.startsWith('/')) throw new Wrong('gives socket no absolute path', 'Write socket=/path/to/file.');
  return path;
}

function decoded(text: string, what: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new Wrong(`has a % in its ${what} that is no percent-encoding`, 'Write a literal % as %25.');
  }
}

function labelOf(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.[0-9]+\.[0-9]+\.[0-9]+$/.test(host);
}
