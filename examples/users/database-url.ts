/**
 * Database addresses as the environment gives them:
 *
 *     mysql://user:password@host[:port][,host[:port]]/schema?ssl-ca=/path/ca.pem
 *     mysql://user:password@localhost/schema?socket=/path/database.sock
 *
 * Pure. No message repeats any part of the text that can hold a secret.
 */

/** One database server and the account to use there. */
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
  /** PEM file of the authority that the server's certificate must come from; null: no TLS (this machine only). */
  readonly caFile: string | null;
}

/** `problem`: what is wrong. `hint`: what to write instead. */
export interface UrlIssue {
  readonly problem: string;
  readonly hint: string;
}

export type UrlResult =
  | { readonly ok: true; readonly targets: readonly DatabaseTarget[] }
  | { readonly ok: false; readonly issue: UrlIssue };

const form = 'mysql://USER:PASSWORD@HOST:PORT/SCHEMA?ssl-ca=/path/ca.pem';
const urlPattern = /^mysql:\/\/(?:([^:@/?#]*)(?::([^@/?#]*))?@)?([^@/?#]*)(?:\/([^?#]*))?(?:\?([^#]*))?$/;
const hostPattern =
  /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?))(?::([0-9]{1,5}))?$/;
const knownOptions = ['ssl-ca', 'socket'];

class Wrong extends Error {
  readonly hint: string;
  constructor(problem: string, hint: string) {
    super(problem);
    this.hint = hint;
  }
}

/** Every host of the address, in order. Errors are returned, not thrown. */
export function parseDatabaseUrl(text: string): UrlResult {
  try {
    return { ok: true, targets: parse(text) };
  } catch (error) {
    if (error instanceof Wrong) return { ok: false, issue: { problem: error.message, hint: error.hint } };
    throw error;
  }
}

function parse(text: string): DatabaseTarget[] {
  if (!text.startsWith('mysql://')) throw new Wrong('does not start with mysql://', `Write ${form}.`);
  const match = urlPattern.exec(text);
  if (match === null) {
    throw new Wrong(
      'is not an address of that form',
      `Write ${form}; in user and password write @ as %40, / as %2F, ? as %3F, # as %23, : as %3A, % as %25.`,
    );
  }
  const [, user = '', password = '', hosts = '', schema = '', query = ''] = match;
  if (user === '') throw new Wrong('names no user', `Write ${form}.`);
  if (!/^[A-Za-z0-9_$-]{1,64}$/.test(decoded(schema, 'schema'))) {
    throw new Wrong('names no schema (1 to 64 letters, digits, _ $ -)', `Write ${form}.`);
  }
  const options = parseOptions(query);
  const caFile = options.get('ssl-ca') ?? null;
  const socketPath = options.get('socket') ?? null;
  const secret = decoded(password, 'password');
  const account = {
    user: decoded(user, 'user'),
    password: () => secret,
    schema: decoded(schema, 'schema'),
    caFile,
  };
  const places = hosts.split(',').map(parseHost);
  if (socketPath !== null) {
    if (places.length > 1)
      throw new Wrong('has a socket and several hosts', 'Write localhost as the only host.');
    return [{ ...account, host: 'localhost', port: 0, socketPath, label: socketPath }];
  }
  for (const { host } of places) {
    if (caFile === null && !isLoopback(host)) {
      throw new Wrong(
        `reaches ${host} over the network without TLS`,
        'Add ?ssl-ca=/path/ca.pem: the authority that issued the certificate of the database server.',
      );
    }
  }
  return places.map(({ host, port }) => ({
    ...account,
    host,
    port,
    socketPath: null,
    label: labelOf(host, port),
  }));
}

function parseHost(text: string): { host: string; port: number } {
  const match = hostPattern.exec(text);
  const port = Number(match?.[3] ?? '3306');
  if (match === null || port < 1 || port > 65_535) {
    throw new Wrong(
      text === '' ? 'has an empty host' : 'has a host that is not a name or an address with an optional port',
      'Write HOST, HOST:PORT or [IPv6]:PORT, several with commas and no spaces.',
    );
  }
  return { host: match[1] ?? match[2] ?? '', port };
}

function parseOptions(query: string): Map<string, string> {
  const options = new Map<string, string>();
  for (const pair of query === '' ? [] : query.split('&')) {
    const [name = '', value = '', ...rest] = pair.split('=');
    if (!knownOptions.includes(name) || rest.length > 0) {
      throw new Wrong('has an unknown option', `Known options: ${knownOptions.join(', ')}.`);
    }
    if (options.has(name)) throw new Wrong(`gives ${name} twice`, 'Write it once.');
    const path = decoded(value, name);
    if (!path.startsWith('/'))
      throw new Wrong(`gives ${name} no absolute path`, `Write ${name}=/path/to/file.`);
    options.set(name, path);
  }
  return options;
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
