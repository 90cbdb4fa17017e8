/** HAProxy's runtime API over its unix socket (docs.haproxy.org/2.6/management.html, 9.3). */
import { connect } from 'node:net';

/** A connection takes one line of commands, separated by semicolons, and ends after their answers. */
export function runtimeCommand(socketPath: string, command: string, timeoutMs = 2_000): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path: socketPath });
    let text = '';
    const timer = setTimeout(
      () => socket.destroy(new Error(`HAProxy gave no answer in ${timeoutMs} ms`)),
      timeoutMs,
    );
    socket.setEncoding('utf8');
    socket.on('connect', () => socket.end(`${command}\n`));
    socket.on('data', (part: string) => {
      text += part;
    });
    socket.on('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    socket.on('close', (failed) => {
      clearTimeout(timer);
      if (!failed) resolve(text);
    });
  });
}

export type StatRow = Readonly<Record<string, string>>;

/** Rows of `show stat`: CSV with a header after "# ". Values of the columns used here hold no commas. */
export function parseStat(text: string): readonly StatRow[] {
  const [head = '', ...rows] = text.split('\n').filter((line) => line !== '');
  const names = head.replace(/^# /, '').split(',');
  return rows.map((row) => {
    const values = row.split(',');
    return Object.fromEntries(names.map((name, index) => [name, values[index] ?? '']));
  });
}

export interface ServerState {
  readonly backend: string;
  readonly server: string;
  /** Bits (management.html, "show servers state"): 1 forced maintenance, 8 forced drain. */
  readonly admin: number;
  /** Weight in force, and the one of the configuration. */
  readonly weight: number;
  readonly configuredWeight: number;
}

/** `show servers state`: a version line, a header, a line per server. */
export function parseServersState(text: string): readonly ServerState[] {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  const head = lines.find((line) => line.startsWith('# '));
  if (head === undefined) return [];
  const names = head.slice(2).split(' ');
  const at = (values: readonly string[], name: string) => values[names.indexOf(name)] ?? '';
  return lines.slice(lines.indexOf(head) + 1).map((line) => {
    const values = line.split(' ');
    return {
      backend: at(values, 'be_name'),
      server: at(values, 'srv_name'),
      admin: Number(at(values, 'srv_admin_state')),
      weight: Number(at(values, 'srv_uweight')),
      configuredWeight: Number(at(values, 'srv_iweight')),
    };
  });
}
