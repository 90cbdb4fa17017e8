/** Tells whether an address came to, or left, any of some hosts: from the kernel's own messages, so that no move is missed. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

export class AddressWatch {
  /** What the kernel said, by namespace. */
  readonly changes: string[] = [];
  readonly #monitors: readonly ChildProcess[];

  private constructor(namespaces: readonly string[], address: string) {
    this.#monitors = namespaces.map((namespace) => {
      const words = ['netns', 'exec', namespace, 'ip', '-oneline', 'monitor', 'address'];
      const monitor = spawn('ip', words, { stdio: ['ignore', 'pipe', 'ignore'] });
      monitor.stdout.setEncoding('utf8').on('data', (text: string) => {
        const lines = text.split('\n').filter((line) => line.includes(` ${address}/`));
        this.changes.push(...lines.map((line) => `${namespace}: ${line}`));
      });
      return monitor;
    });
  }

  static async start(namespaces: readonly string[], address: string): Promise<AddressWatch> {
    const watch = new AddressWatch(namespaces, address);
    await Promise.all(watch.#monitors.map((monitor) => once(monitor, 'spawn')));
    return watch;
  }

  close(): void {
    for (const monitor of this.#monitors) monitor.kill('SIGKILL');
  }
}
