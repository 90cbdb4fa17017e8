/** Faults of a lab's hosts by the lab's own names of things: each is the real thing, and each can be taken back. */
import { expectCommand } from '#src/provision/lab/command.ts';
import type { Lab } from '#src/provision/lab/lab.ts';
import { cableName, faultTableName, namespaceName } from '#src/provision/lab/names.ts';
import { removeHostNetwork, removeTable } from '#src/provision/lab/network.ts';
import { freezeSupervision, killAll } from '#src/provision/lab/teardown.ts';

export type Direction = {
  /** Host whose frames are dropped; undefined: from anybody. */
  readonly from?: string;
  /** Host that they are dropped on the way to; undefined: to anybody, the machine itself included. */
  readonly to?: string;
};

export class LabHostFaults {
  readonly #lab: Lab;

  constructor(lab: Lab) {
    this.#lab = lab;
  }

  /** Pulls or plugs in a host's cable at the bridge: the host loses its carrier and keeps its addresses. */
  async setCable(host: string, state: 'up' | 'down'): Promise<void> {
    await expectCommand(['ip', 'link', 'set', 'dev', cableName(this.#lab.stack, host), state]);
  }

  /** Drops every frame of the given directions (and of no others) on the bridge, until `healPackets`. */
  async dropPackets(directions: readonly Direction[]): Promise<void> {
    const rules = directions.flatMap((direction) => this.#dropRules(direction));
    const table = `bridge ${faultTableName(this.#lab.stack)}`;
    const chain = (hook: string) => [
      `  chain ${hook} {`,
      `    type filter hook ${hook} priority -300; policy accept;`,
      ...rules.filter((rule) => rule.hook === hook).map(({ rule }) => `    ${rule}`),
      '  }',
    ];
    const text = [
      `table ${table} {}`,
      `delete table ${table}`,
      `table ${table} {`,
      ...['forward', 'input', 'output'].flatMap(chain),
      '}',
      '',
    ];
    await expectCommand(['nft', '-f', '-'], { input: text.join('\n') });
  }

  #dropRules({ from, to }: Direction): readonly { hook: string; rule: string }[] {
    const { stack } = this.#lab;
    if (from === undefined && to === undefined) throw new Error('a direction names one host at least');
    const source = from === undefined ? undefined : `iifname "${cableName(stack, from)}"`;
    const target = to === undefined ? undefined : `oifname "${cableName(stack, to)}"`;
    const forward = { hook: 'forward', rule: [source, target, 'drop'].filter(Boolean).join(' ') };
    // The machine itself is no port of the bridge: frames to and from it pass other hooks.
    if (source !== undefined && target === undefined)
      return [forward, { hook: 'input', rule: `${source} drop` }];
    if (target !== undefined && source === undefined)
      return [forward, { hook: 'output', rule: `${target} drop` }];
    return [forward];
  }

  async healPackets(): Promise<void> {
    await removeTable('bridge', faultTableName(this.#lab.stack));
  }

  /**
   * Like pulling a host's plug: its cable goes first, so that no process can say good-bye, then every process at once,
   * then what the kernel knew (addresses, connections, firewall). Its directories stay, as a disk does.
   */
  async powerOff(host: string): Promise<void> {
    const namespace = namespaceName(this.#lab.stack, host);
    await this.setCable(host, 'down');
    await freezeSupervision(namespace);
    await killAll(namespace);
    await removeHostNetwork(this.#lab.stack, host);
  }

  /** Switches a host on: its defined services start by themselves, as after a boot. */
  async powerOn(host: string): Promise<void> {
    await this.#lab.host(host).powerOn();
  }
}
