/** Port scans with nmap (Debian) from any network namespace of this machine, or from the machine itself. */
import { command } from './command.ts';

export interface ScanRequest {
  /** Undefined: from the machine itself. */
  readonly namespace: string | undefined;
  readonly targets: readonly string[];
  /** nmap's notation: "1-65535", "22,80,3306". */
  readonly ports: string;
  readonly protocol?: 'tcp' | 'udp';
  readonly ipv6?: boolean;
}

/** By target: the ports that answered as open, and those that said that nobody listens. */
export interface ScanResult {
  readonly open: readonly number[];
  readonly closed: readonly number[];
}

/**
 * SYN scan at a fixed rate: a port whose packets are dropped is tried twice, so one lost packet hides no open port.
 * Nothing is resolved and no host is left out for not answering a ping.
 */
export async function scan(request: ScanRequest): Promise<Readonly<Record<string, ScanResult>>> {
  const kind = request.protocol === 'udp' ? '-sU' : '-sS';
  const family = request.ipv6 === true ? ['-6'] : [];
  const speed = ['--min-rate', '8000', '--max-retries', '1', '--min-hostgroup', '16', '-T4'];
  const words = [...family, '-n', '-Pn', kind, ...speed, '-p', request.ports, '-oG', '-', ...request.targets];
  const result =
    request.namespace === undefined
      ? await command('nmap', words)
      : await command('ip', ['netns', 'exec', request.namespace, 'nmap', ...words]);
  if (result.code !== 0) throw new Error(`nmap ended with ${result.code}: ${result.stdout}${result.stderr}`);
  const results = parseGreppable(result.stdout);
  return Object.fromEntries(
    request.targets.map((target) => [
      target,
      results.get(target.replace(/%.*/, '')) ?? { open: [], closed: [] },
    ]),
  );
}

/** nmap's "greppable" output: `Host: ADDRESS () Ports: 80/open/tcp//http///, …`. */
export function parseGreppable(text: string): ReadonlyMap<string, ScanResult> {
  const results = new Map<string, ScanResult>();
  for (const line of text.split('\n')) {
    const match = /^Host: (\S+) .*Ports: ([^\t]*)/.exec(line);
    if (match === null) continue;
    const entries = (match[2] ?? '').split(', ').map((entry) => entry.split('/'));
    const inState = (state: string) =>
      entries
        .filter((entry) => entry[1] === state)
        .map((entry) => Number(entry[0]))
        .sort((left, right) => left - right);
    results.set(match[1] ?? '', { open: inState('open'), closed: inState('closed') });
  }
  return results;
}
