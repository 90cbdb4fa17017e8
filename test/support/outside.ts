/** A machine that is no host of the lab, plugged into the lab's network: a namespace of its own at a port of the bridge. */
import { type ChildProcess, spawn } from 'node:child_process';
import { type CommandOutput, command, expectCommand } from './command.ts';
import { bridgeOf } from './namespaces.ts';

export class Outside {
  readonly namespace: string;
  readonly address: string;
  readonly #children = new Set<ChildProcess>();

  private constructor(namespace: string, address: string) {
    this.namespace = namespace;
    this.address = address;
  }

  /** `address` with its prefix length, e.g. 10.201.1.250/24. `tag` keeps namespaces and links of several apart. */
  static async plug(tag: string, gateway: string, address: string): Promise<Outside> {
    const outside = new Outside(`outside-${tag}`, address.split('/')[0] ?? '');
    const bridge = await bridgeOf(gateway);
    const port = `o-${tag}`.slice(0, 15);
    await outside.#remove();
    await expectCommand('ip', ['netns', 'add', outside.namespace]);
    const pair = ['type', 'veth', 'peer', 'name', 'eth0', 'netns', outside.namespace];
    await expectCommand('ip', ['link', 'add', port, ...pair]);
    await expectCommand('ip', ['link', 'set', port, 'master', bridge, 'up']);
    const inside = (...words: string[]) => expectCommand('ip', ['-n', outside.namespace, ...words]);
    await inside('link', 'set', 'lo', 'up');
    await inside('address', 'add', address, 'dev', 'eth0');
    await inside('link', 'set', 'eth0', 'up');
    return outside;
  }

  run(program: string, words: readonly string[], timeoutMs = 600_000): Promise<CommandOutput> {
    return command('ip', ['netns', 'exec', this.namespace, program, ...words], { timeoutMs });
  }

  /** Ends with the namespace. */
  spawn(program: string, words: readonly string[]): ChildProcess {
    const child = spawn('ip', ['netns', 'exec', this.namespace, program, ...words], {
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.#children.add(child);
    child.on('close', () => this.#children.delete(child));
    return child;
  }

  async #remove(): Promise<void> {
    await command('ip', ['netns', 'delete', this.namespace]);
  }

  async close(): Promise<void> {
    for (const child of this.#children) child.kill('SIGKILL');
    await this.#remove();
  }
}
