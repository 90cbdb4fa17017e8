/** A machine that is no host of the lab, plugged into the lab's network: a namespace of its own at a port of the bridge. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { type CommandOutput, command, expectCommand } from './command.ts';
import { bridgeOf } from './namespaces.ts';
import { addressWithLength, gatewayOf } from './subnet.ts';

interface Network {
  readonly stack: { readonly stack: string };
  readonly subnet: string;
}

export class Outside {
  readonly namespace: string;
  readonly address: string;
  readonly #children = new Set<ChildProcess>();

  private constructor(namespace: string, address: string) {
    this.namespace = namespace;
    this.address = address;
  }

  /** `offset` is the address's place in the lab's network; `tag` keeps several machines at one lab apart. */
  static async plug(lab: Network, tag: string, offset: number): Promise<Outside> {
    const { stack } = lab.stack;
    const address = addressWithLength(lab.subnet, offset);
    const outside = new Outside(`outside-${stack}-${tag}`, address.split('/')[0] ?? '');
    const bridge = await bridgeOf(gatewayOf(lab.subnet));
    // An interface's name has 15 characters at most.
    const port = `o${createHash('sha256').update(`${stack} ${tag}`).digest('hex').slice(0, 10)}`;
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
