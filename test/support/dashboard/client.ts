/** A client of the dashboard that keeps a session as a browser would, and raw sockets for what no browser sends. */
import { connect, type TLSSocket } from 'node:tls';
import { type Answer, fetchOnce } from '#test/support/http.ts';

export interface Target {
  /** `https://ADDRESS:PORT`. */
  readonly origin: string;
  readonly ca: string;
}

export interface Ask {
  readonly method?: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

export function askDashboard({ origin, ca }: Target, path: string, options: Ask = {}): Promise<Answer> {
  return fetchOnce(`${origin}${path}`, { ca, timeoutMs: 30_000, ...options });
}

export class DashboardSession {
  readonly target: Target;
  readonly cookie: string;
  readonly csrf: string;

  private constructor(target: Target, cookie: string, csrf: string) {
    this.target = target;
    this.cookie = cookie;
    this.csrf = csrf;
  }

  static async login(
    target: Target,
    name: string,
    password: string,
    headers = {},
  ): Promise<DashboardSession> {
    const answer = await logIn(target, name, password, headers);
    if (answer.status !== 201) throw new Error(`login answered ${answer.status}: ${answer.body}`);
    return new DashboardSession(target, cookieOf(answer), (JSON.parse(answer.body) as { csrf: string }).csrf);
  }

  headers(): Record<string, string> {
    return { cookie: this.cookie, 'x-tandem-csrf': this.csrf };
  }

  /** Against another balancer's own address too. */
  ask(path: string, options: Ask = {}, target = this.target): Promise<Answer> {
    return askDashboard(target, path, { ...options, headers: { ...this.headers(), ...options.headers } });
  }
}

export function logIn(target: Target, name: string, password: string, headers = {}): Promise<Answer> {
  return askDashboard(target, '/api/v1/session', { method: 'POST', body: { name, password }, headers });
}

/** `NAME=VALUE` of the cookie that an answer sets. */
export function cookieOf({ headers }: Answer): string {
  const [cookie = ''] = [headers['set-cookie'] ?? ''].flat();
  return cookie.split(';')[0] ?? '';
}

export interface RawAnswer {
  /** Everything that came before the end. */
  readonly text: string;
  readonly tookMs: number;
}

/** Opens a connection and lets `write` do what it likes with it; fulfils when the other side has ended it. */
export function raw(
  { origin, ca }: Target,
  write: (socket: TLSSocket) => void,
  timeoutMs = 40_000,
): Promise<RawAnswer> {
  const { hostname, port } = new URL(origin);
  const startedMs = performance.now();
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port), ca, servername: '' });
    let text = '';
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new Error(`the connection was still open after ${timeoutMs} ms`));
    }, timeoutMs);
    socket.setEncoding('utf8').on('data', (part: string) => {
      text += part;
    });
    // A reset is an end too.
    socket.on('error', () => undefined);
    socket.on('close', () => {
      clearTimeout(timer);
      resolve({ text, tookMs: performance.now() - startedMs });
    });
    socket.on('secureConnect', () => write(socket));
  });
}

/** One request with exactly this target, which no URL library has tidied up. */
export async function rawGet(
  target: Target,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<string> {
  const lines = Object.entries({ host: new URL(target.origin).host, connection: 'close', ...headers });
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  return (await raw(target, (socket) => socket.write(`GET ${path} HTTP/1.1\r\n${head}\r\n`))).text;
}
