/** Listening sockets of a network namespace, as the kernel lists them (ss of iproute2). */
import { expectCommand } from './command.ts';

/** `tcp ADDRESS:PORT` and `unix PATH` of every listening socket that clients can name. */
export async function listeners(namespace: string): Promise<readonly string[]> {
  const inside = ['netns', 'exec', namespace, 'ss', '-H', '-l', '-n'];
  const [tcp, unix] = await Promise.all([
    expectCommand('ip', [...inside, '-t']),
    expectCommand('ip', [...inside, '-x']),
  ]);
  const column = (text: string, index: number) =>
    text
      .split('\n')
      .filter(Boolean)
      .map((line) => line.trim().split(/\s+/)[index] ?? '');
  // The kernel knows HAProxy's sockets, and the router's, by the name under which they were bound before they were put
  // in place: with the process id behind it.
  const named = column(unix, 4)
    .filter((path) => path.startsWith('/'))
    .map((path) => path.replace(/\.\d+(\.tmp)?$/, ''));
  return [
    ...new Set([...column(tcp, 3).map((socket) => `tcp ${socket}`), ...named.map((path) => `unix ${path}`)]),
  ];
}
