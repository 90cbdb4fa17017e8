/**
 * HAProxy's runtime API (docs.haproxy.org/2.6/management.html, section 9.3) over its admin socket: one command per
 * connection, the answer ends with it.
 */
import { connect } from 'node:net';

export interface HaproxyServer {
  readonly name: string;
  /** As HAProxy says it: `UP`, `DOWN`, `MAINT`, `DRAIN`, `NOLB`, perhaps with the count of checks (`UP 1/2`). */
  readonly status: string;
  /** Effective weight; 0 while draining. */
  readonly weight: number;
  /** Requests that it has now, and those that wait for it. */
  readonly sessions: number;
  readonly queued: number;
  /** Result of the last health check, such as `L7OK`, and its HTTP status; `''` and 0 without one. */
  readonly check: string;
  readonly checkCode: number;
}

const answerMs = 2_000;

/** The whole answer to one command. */
export function askHaproxy(socketPath: string, command: string, timeoutMs = answerMs): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(socketPath);
    let text = '';
    socket.setEncoding('utf8').setTimeout(timeoutMs);
    socket.on('connect', () => socket.end(`${command}\n`));
    socket.on('data', (part: string) => {
      text += part;
    });
    socket.on('timeout', () => socket.destroy(new Error(`HAProxy did not answer in ${timeoutMs} ms`)));
    socket.on('error', reject);
    socket.on('end', () => resolve(text));
  });
}

/** Type 4 of `show stat` are servers. */
export async function haproxyServers(
  socketPath: string,
  backend: string,
  timeoutMs = answerMs,
): Promise<readonly HaproxyServer[]> {
  return parseServers(await askHaproxy(socketPath, `show stat ${backend} 4 -1`, timeoutMs));
}

/** `drain`: no new requests, health checks go on. `ready` ends that. Throws with what HAProxy says against it. */
export async function setServerState(
  socketPath: string,
  backend: string,
  server: string,
  state: 'drain' | 'ready',
): Promise<void> {
  const said = (await askHaproxy(socketPath, `set server ${backend}/${server} state ${state}`)).trim();
  if (said !== '') throw new Error(said);
}

function parseServers(text: string): readonly HaproxyServer[] {
  return parseStat(text).map((row) => {
    const value = (name: string) => row[name] ?? '';
    return {
      name: value('svname'),
      status: value('status'),
      weight: Number(value('weight')),
      sessions: Number(value('scur')),
      queued: Number(value('qcur')),
      // `* ` marks a check that is under way.
      check: value('check_status').replace(/^\* /, ''),
      checkCode: Number(value('check_code')),
    };
  });
}

export type StatRow = Readonly<Record<string, string>>;

/** Rows of `show stat`: CSV with a head line that begins with "# " (section 9.1). */
export function parseStat(text: string): readonly StatRow[] {
  const [head = '', ...rows] = text.split('\n').filter(Boolean);
  const names = head.replace(/^# /, '').split(',');
  return rows.map((row) => {
    // Only the description of a check is quoted, which nobody reads: it keeps its quotes.
    const values = row.match(/("([^"]|"")*"|[^,]*)(,|$)/g)?.map((value) => value.replace(/,$/, '')) ?? [];
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
