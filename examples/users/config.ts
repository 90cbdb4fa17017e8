/** What the process needs to know, from its environment (https://12factor.net/config). Pure. */
import { type DatabaseTarget, parseDatabaseUrl } from './database-url.ts';

export type ListenAddress =
  | { readonly kind: 'port'; readonly port: number }
  | { readonly kind: 'socket'; readonly path: string };

export interface Config {
  readonly listen: ListenAddress;
  /** Name of this web host; every response carries it in `x-tandem-host`. */
  readonly host: string;
  /** The database's one address. */
  readonly database: DatabaseTarget;
  /** Connections to it. */
  readonly poolSize: number;
}

/** Everything that is wrong with the environment, one line each. No line holds a secret. */
export class ConfigError extends Error {
  readonly issues: readonly string[];
  constructor(issues: readonly string[]) {
    super(issues.join('\n'));
    this.name = 'ConfigError';
    this.issues = issues;
  }
}

type Environment = Readonly<Record<string, string | undefined>>;

/** `fallbackHost` names this host when TANDEM_HOST does not. Throws ConfigError. */
export function readConfig(environment: Environment, fallbackHost: string): Config {
  const issues: string[] = [];
  const listen = readListen(environment['PORT'], issues);
  const host = environment['TANDEM_HOST'] || fallbackHost;
  if (!/^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252})$/.test(host)) {
    issues.push('TANDEM_HOST: is not a host name. Write letters, digits, ".", "-" and "_".');
  }
  const poolSize = readPoolSize(environment['DATABASE_POOL'], issues);
  const database = readTarget(environment['DATABASE_URL'], issues);
  if (listen === null || database === null || issues.length > 0) throw new ConfigError(issues);
  return { listen, host, database, poolSize };
}

function readListen(text: string | undefined, issues: string[]): ListenAddress | null {
  if (text?.includes('/')) {
    // sun_path is 108 bytes with its final NUL; a longer path is cut by some systems and refused by others.
    if (text.startsWith('/') && Buffer.byteLength(text) <= 107) return { kind: 'socket', path: text };
    issues.push('PORT: is not an absolute path of at most 107 bytes. Write for instance /run/app/1.sock.');
    return null;
  }
  const port = /^[0-9]{1,5}$/.test(text ?? '') ? Number(text) : 0;
  if (port >= 1 && port <= 65_535) return { kind: 'port', port };
  issues.push('PORT: is not a port. Write a number from 1 to 65535, or the absolute path of a unix socket.');
  return null;
}

function readPoolSize(text: string | undefined, issues: string[]): number {
  const size = text ? Number(text) : 5;
  if (Number.isInteger(size) && size >= 1 && size <= 100) return size;
  issues.push('DATABASE_POOL: is not a number of connections. Write a whole number from 1 to 100.');
  return 5;
}

function readTarget(text: string | undefined, issues: string[]): DatabaseTarget | null {
  if (!text) {
    issues.push('DATABASE_URL: is not set. Write mysql://USER:PASSWORD@localhost/SCHEMA?socket=/path.');
    return null;
  }
  const result = parseDatabaseUrl(text);
  if (result.ok) return result.target;
  issues.push(`DATABASE_URL: ${result.issue.problem}. ${result.issue.hint}`);
  return null;
}
