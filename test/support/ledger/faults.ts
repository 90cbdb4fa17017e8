/** The faults of a database host, each with what ends it. Made with the machine's own tools. */
import { expectCommand } from '../command.ts';
import type { Lab } from '../lab.ts';
import { signal } from '../processes.ts';
import { sleep } from '../wait.ts';

export interface DatabaseFault {
  readonly name: string;
  /** Longest time without an acknowledged write, milliseconds. */
  readonly limitMs: number;
  /** Writes go through the SQL router of their host, where an autocommit statement may meet no error at all. */
  readonly withoutErrors?: boolean;
  /** How long it lasts before it is healed; 0 when nothing has to be. */
  readonly lastsMs: number;
  inject(lab: Lab, host: string): Promise<void>;
  heal?(lab: Lab, host: string): Promise<void>;
}

/** A table of its own in the host's network: packets that match are lost in silence. */
const lossTable = 'inet test_loss';

async function lose(lab: Lab, host: string, direction: 'input' | 'output'): Promise<void> {
  const chain = `${lossTable} loss`;
  const rules = [
    `add table ${lossTable}`,
    `add chain ${chain} { type filter hook ${direction} priority -300 ; policy drop ; }`,
    `add rule ${chain} ${direction === 'input' ? 'iif' : 'oif'} lo accept`,
  ];
  await expectCommand('ip', ['netns', 'exec', lab.namespace(host), 'nft', rules.join('; ')]);
}

async function stopLosing(lab: Lab, host: string): Promise<void> {
  await expectCommand('ip', ['netns', 'exec', lab.namespace(host), 'nft', `delete table ${lossTable}`]);
}

async function signalMain(lab: Lab, host: string, service: string, name: NodeJS.Signals): Promise<void> {
  signal(await lab.pid(host, service), name);
}

/** Frozen processes by host and service, so that the very same are woken. */
const frozen = new Map<string, number>();

function freezing(service: string): Pick<DatabaseFault, 'inject' | 'heal'> {
  return {
    async inject(lab, host) {
      const pid = await lab.pid(host, service);
      frozen.set(`${host} ${service}`, pid);
      signal(pid, 'SIGSTOP');
    },
    async heal(_lab, host) {
      signal(frozen.get(`${host} ${service}`) ?? 0, 'SIGCONT');
    },
  };
}

export const databaseFaults: readonly DatabaseFault[] = [
  {
    name: 'server-killed',
    limitMs: 1_000,
    lastsMs: 0,
    inject: (lab, host) => signalMain(lab, host, 'mariadb', 'SIGKILL'),
  },
  {
    name: 'crash-loop',
    limitMs: 1_000,
    lastsMs: 0,
    inject: (lab, host) => lab.keepDown(host, ['mariadb'], 5_000),
  },
  {
    name: 'cut-off',
    limitMs: 3_000,
    lastsMs: 6_000,
    inject: (lab, host) => lab.fault('link-down', host),
    heal: (lab, host) => lab.fault('link-up', host),
  },
  {
    name: 'powered-off',
    limitMs: 3_000,
    lastsMs: 4_000,
    inject: (lab, host) => lab.powerOff(host),
    heal: async (lab) => {
      await lab.expect('up');
    },
  },
  {
    name: 'loses-incoming',
    limitMs: 4_000,
    lastsMs: 7_000,
    inject: (lab, host) => lose(lab, host, 'input'),
    heal: stopLosing,
  },
  {
    name: 'loses-outgoing',
    limitMs: 4_000,
    lastsMs: 7_000,
    inject: (lab, host) => lose(lab, host, 'output'),
    heal: stopLosing,
  },
  { name: 'server-frozen', limitMs: 4_000, lastsMs: 7_000, ...freezing('mariadb') },
  { name: 'agent-frozen', limitMs: 4_000, lastsMs: 7_000, ...freezing('agent') },
  {
    name: 'agent-killed',
    limitMs: 4_000,
    lastsMs: 0,
    inject: (lab, host) => signalMain(lab, host, 'agent', 'SIGKILL'),
  },
  {
    name: 'switchover',
    limitMs: 300,
    withoutErrors: true,
    lastsMs: 0,
    inject: async (lab) => {
      await lab.expect('switchover', '--yes');
    },
  },
];

/** Of a replica: writes may stall for `degradeAfterMs` and half a second, once. */
export const replicaFaults: readonly DatabaseFault[] = databaseFaults
  .filter(({ name }) => ['server-killed', 'cut-off', 'server-frozen'].includes(name))
  .map((fault) => ({ ...fault, name: `replica-${fault.name}`, limitMs: 5_500 }));

/** Ends processes of etcd for a while; they are brought back by their supervisors when it is over. */
export async function etcdAway(lab: Lab, hosts: readonly string[], durationMs: number): Promise<void> {
  await Promise.all(hosts.map((host) => lab.keepDown(host, ['etcd'], durationMs)));
  await sleep(200);
}
