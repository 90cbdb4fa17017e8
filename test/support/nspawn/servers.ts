/** The reference stack on bare servers: hosts of the test's own, and the stack file and commands of their operator. */
import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { loadStackFile } from '#src/adapters/stack-file.ts';
import { SshInfrastructure } from '#src/provision/ssh/infrastructure.ts';
import type { StackFile } from '#src/spec/schema.ts';
import { Lab, referenceStack, repository } from '../lab.ts';
import { gatewayOf } from '../subnet.ts';
import { startHosts, type TestHosts } from './hosts.ts';
import { namespaceName } from './network.ts';

export interface Servers {
  readonly hosts: TestHosts;
  /** `tandem` on them; not up yet. */
  readonly lab: Lab;
  /** Directory of the application, which a test may change. */
  readonly app: string;
  /** Ends ssh's shared connections, which would go on without a key that is gone. */
  disconnect(): Promise<void>;
  close(): Promise<void>;
}

/** `change` is applied to the stack before it is written; `spare` hosts are there, and not part of it. */
export async function startServers(
  place: {
    readonly name: string;
    readonly subnet: string;
    readonly diskMiB?: number;
    readonly kept?: string;
  },
  change: (stack: StackFile) => StackFile = (stack) => stack,
  spare: readonly string[] = [],
): Promise<Servers> {
  const reference = referenceStack(place.name, place.subnet);
  const hosts = await startHosts({ ...place, names: [...Object.keys(reference.hosts), ...spare] });
  try {
    const app = join(hosts.directory, 'app');
    await exampleApplication(app);
    const stack: StackFile = {
      ...reference,
      ssh: { configFile: hosts.sshConfig },
      network: { ...reference.network, operators: [gatewayOf(place.subnet)] },
      hosts: Object.fromEntries(
        Object.entries(reference.hosts).map(([name, host]) => [name, { ...host, ssh: name }]),
      ),
      web: {
        static: join(app, 'public'),
        app: { directory: app, command: ['node', 'server.ts'] },
      },
    };
    const lab = await Lab.describe(change(stack));
    lab.namespaces = (host) => namespaceName(place.name, host);
    return {
      hosts,
      lab,
      app,
      disconnect: () => closeConnections(lab),
      close: async () => {
        await closeConnections(lab);
        await rm(lab.directory, { recursive: true, force: true });
        await hosts.close();
      },
    };
  } catch (error) {
    await hosts.close();
    throw error;
  }
}

/** The hosts are thrown away: what is left to end is ssh's own connections to them. */
async function closeConnections(lab: Lab): Promise<void> {
  const { spec, directory } = await loadStackFile(lab.directory, lab.file);
  const stateDirectory = join(directory, '.tandem', spec.stack);
  await new SshInfrastructure({ spec, directory, stateDirectory }).close();
}

/** The users example as somebody ships an application: a directory with its own node_modules. */
export async function exampleApplication(directory: string): Promise<void> {
  await cp(join(repository, 'examples/users'), directory, { recursive: true });
}
