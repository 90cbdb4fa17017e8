/** The users example as a real process, in front of throw-away MariaDB servers that demand TLS. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type IncomingHttpHeaders, request } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { attach, caughtUp } from '#test/real/mariadb/replication.ts';
import { giveToServer, MariadbServer } from '#test/real/mariadb/server.ts';
import { waitFor } from '#test/real/mariadb/wait.ts';

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

/* Certificates */

function openssl(...args: readonly string[]): void {
  execFileSync('openssl', args, { cwd: directory, stdio: 'pipe' });
}

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

/** A certificate authority `NAME.pem`, and its certificates by subject alternative names; made once per name. */
export function authority(name: string): {
  readonly caFile: string;
  issue(leaf: string, names: string): string[];
} {
  const caFile = place(`${name}.pem`);
  openssl(
    'req',
    '-x509',
    ...newKey,
    '-days',
    '2',
    '-subj',
    `/CN=${name}`,
    '-keyout',
    `${name}.key`,
    '-out',
    caFile,
  );
  return {
    caFile,
    issue: (leaf, names) => {
      const extensions = place(`${leaf}.ext`);
      writeFileSync(extensions, `subjectAltName=${names}\n`);
      openssl(
        'req',
        '-new',
        ...newKey,
        '-subj',
        `/CN=${leaf}`,
        '-keyout',
        `${leaf}.key`,
        '-out',
        `${leaf}.csr`,
      );
      const signer = ['-CA', caFile, '-CAkey', `${name}.key`, '-CAcreateserial', '-days', '2'];
      openssl('x509', '-req', '-in', `${leaf}.csr`, ...signer, '-extfile', extensions, '-out', `${leaf}.pem`);
      for (const file of [`${leaf}.key`, `${leaf}.pem`, `${name}.pem`]) giveToServer(place(file));
      execFileSync('chmod', ['755', directory]);
      return [`ssl-ca=${caFile}`, `ssl-cert=${place(`${leaf}.pem`)}`, `ssl-key=${place(`${leaf}.key`)}`];
    },
  };
}

/* Databases */

export interface Pair {
  readonly primary: MariadbServer;
  readonly replica: MariadbServer;
  readonly caFile: string;
}

/** A primary with the example's schema and account, started with `tls` options. */
export async function startPrimary(tls: readonly string[]): Promise<MariadbServer> {
  const primary = await MariadbServer.create('users-primary', ['server-id=1', ...tls]);
  await primary.start();
  await primary.run(
    `CREATE USER app@'%' IDENTIFIED BY '${password}' REQUIRE SSL`,
    `GRANT SELECT, INSERT, UPDATE, DELETE ON test.* TO app@'%'`,
    'USE test',
    readFileSync(join(root, 'examples/users/schema.sql'), 'utf8'),
  );
  return primary;
}

export async function startPair(): Promise<Pair> {
  const { caFile, issue } = authority('ca');
  const tls = issue('member', 'IP:127.0.0.1,DNS:localhost');
  const primary = await startPrimary(tls);
  const replica = await MariadbServer.create('users-replica', ['server-id=2', 'read-only', ...tls]);
  await replica.start();
  await attach(replica, primary);
  await caughtUp(replica, primary);
  return { primary, replica, caFile };
}

export function urlOf(servers: readonly MariadbServer[], caFile: string, at = '127.0.0.1'): string {
  const hosts = servers.map((server) => `${at}:${server.port}`).join(',');
  return `mysql://app:${encodeURIComponent(password)}@${hosts}/test?ssl-ca=${caFile}`;
}

export function urlsOf({ primary, replica, caFile }: Pair): Record<string, string> {
  return { DATABASE_URL: urlOf([primary], caFile), DATABASE_READ_URL: urlOf([replica], caFile) };
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

export async function freePort(): Promise<number> {
  const listener = createServer().listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const address = listener.address();
  listener.close();
  await once(listener, 'close');
  if (address === null || typeof address === 'string') throw new Error('no loopback port');
  return address.port;
}
