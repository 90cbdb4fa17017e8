/** The users example as a real process, in front of a real router and throw-away MariaDB servers. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { type IncomingHttpHeaders, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { RouterConfig } from '#src/router/config.ts';
import { caughtUp } from '#test/real/mariadb/replication.ts';
import type { MariadbServer } from '#test/real/mariadb/server.ts';
import { waitFor } from '#test/real/mariadb/wait.ts';
import { RouterProcess } from '#test/real/router/process.ts';
import { memberOf, startServers } from '#test/real/router/stack.ts';

const root = resolve(import.meta.dirname, '../../..');
const directory = mkdtempSync(join(tmpdir(), 'tandem-users-'));
const running = new Set<UsersApp>();

/** Of the application's account; with characters that an address must escape. */
export const password = 'p@ss/w:rd?#%';
export const host = 'web-1';

/** A path in the directory of this test process. */
export function place(name: string): string {
  return join(directory, name);
}

/** Ends what is left of the processes; for `afterEach`. */
export async function stopApps(): Promise<void> {
  await Promise.all([...running].map((app) => app.kill()));
}

/** For `afterAll`. */
export function removePlace(): void {
  rmSync(directory, { recursive: true, force: true });
}

/* The database */

export interface Pair {
  readonly primary: MariadbServer;
  readonly replica: MariadbServer;
  readonly router: RouterProcess;
  /** What the application is given. */
  readonly environment: { readonly DATABASE_URL: string };
}

const routers = new Set<RouterProcess>();

/** Ends the routers; for `afterEach`. */
export async function stopRouters(): Promise<void> {
  await Promise.all([...routers].map((router) => router.kill()));
  routers.clear();
}

/** A primary with the example's schema and account, its replica, and a router in front of both. */
export async function startPair(config: Partial<RouterConfig> = {}): Promise<Pair> {
  const { primary, replica } = await startServers({
    createUser: `CREATE USER app@'%' IDENTIFIED BY '${password}'`,
  });
  if (replica === undefined) throw new Error('no replica');
  await primary.run('USE test', readFileSync(join(root, 'examples/users/schema.sql'), 'utf8'));
  await caughtUp(replica, primary);
  const members = [memberOf(primary, 'db-1', 'primary'), memberOf(replica, 'db-2', 'replica')];
  const router = await RouterProcess.start(members, { accounts: [{ user: 'app', password }], ...config });
  routers.add(router);
  return { primary, replica, router, environment: { DATABASE_URL: urlOf(router) } };
}

/** The router knows the replica as the primary of the next epoch. */
export async function promote({ primary, replica, router }: Pair): Promise<void> {
  await replica.run('STOP SLAVE', 'SET GLOBAL read_only = 0');
  router.change(2, [
    memberOf(replica, 'db-2', 'primary', { historyEpoch: 2 }),
    memberOf(primary, 'db-1', 'replica', { ok: false }),
  ]);
}

/** Another router in the place of one that ended. */
export async function startAgain(router: RouterProcess): Promise<void> {
  routers.add(await router.successor());
}

export function urlOf(router: RouterProcess, secret = password): string {
  return `mysql://app:${encodeURIComponent(secret)}@localhost/test?socket=${router.socketPath}`;
}

/* The application */

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into whatever came.
  readonly json: any;
}

export interface Call {
  readonly headers?: Record<string, string>;
  readonly body?: string | Buffer;
}

export class UsersApp {
  readonly address: { socketPath: string } | { port: number; host: string };
  readonly #child: ChildProcess;
  #output = '';

  constructor(environment: Record<string, string>, nodeOptions: readonly string[] = []) {
    const { PORT = '' } = environment;
    this.address = PORT.includes('/') ? { socketPath: PORT } : { port: Number(PORT), host: '127.0.0.1' };
    // The kernel ends it when the test process dies; both wrappers are replaced by node, so the pid is node's.
    const command = ['--pdeathsig=KILL', 'sh', join(root, 'scripts/node.sh')];
    this.#child = spawn('setpriv', [...command, ...nodeOptions, join(root, 'examples/users/server.ts')], {
      env: { PATH: process.env['PATH'] ?? '', TANDEM_HOST: host, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output += text;
      });
    }
    running.add(this);
  }

  get output(): string {
    return this.#output;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get ended(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  async exitCode(): Promise<number | null> {
    if (!this.ended) await once(this.#child, 'exit');
    running.delete(this);
    return this.#child.exitCode;
  }

  async kill(): Promise<void> {
    if (!this.ended) this.signal('SIGKILL');
    await this.exitCode();
  }

  async listening(): Promise<this> {
    await waitFor('the application to listen', () => {
      if (this.ended) throw new Error(`it ended: ${this.#output}`);
      return this.#output.includes(' serves on ');
    });
    return this;
  }

  async call(method: string, path: string, { headers = {}, body }: Call = {}): Promise<Answer> {
    const sent = request({ ...this.address, method, path, headers, agent: false });
    sent.end(body);
    const [response] = await once(sent, 'response');
    let text = '';
    for await (const part of response.setEncoding('utf8')) text += part;
    const isJson = /json/.test(response.headers['content-type'] ?? '');
    return {
      status: response.statusCode,
      headers: response.headers,
      text,
      json: isJson && text !== '' ? JSON.parse(text) : null,
    };
  }

  post(user: unknown): Promise<Answer> {
    return this.call('POST', '/api/users', {
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(user),
    });
  }

  /** Emails of the list, newest first. */
  async emails(headers: Record<string, string> = {}): Promise<string[]> {
    const { json } = await this.call('GET', '/api/users', { headers });
    return json.users.map(({ email }: { email: string }) => email);
  }
}

let sockets = 0;

/** Started on a unix socket of its own. */
export async function startApp(
  environment: Record<string, string>,
  nodeOptions: readonly string[] = [],
): Promise<UsersApp> {
  sockets += 1;
  return await new UsersApp({ PORT: place(`${sockets}.sock`), ...environment }, nodeOptions).listening();
}
