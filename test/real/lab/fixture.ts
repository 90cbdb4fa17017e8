/** Labs of the tests' own: trivial services in real namespaces, under names and subnets of their own. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Lab } from '#src/provision/lab/lab.ts';
import { takeDown } from '#src/provision/lab/teardown.ts';
import { defaultRestart, type Service } from '#src/render/service.ts';

export interface TestLab {
  readonly lab: Lab;
  readonly stateDirectory: string;
  close(): Promise<void>;
}

/** `10.200.number.0/24`; hosts h-1, h-2 … at .11, .12 … */
export async function testLab(stack: string, number: number, hosts: number): Promise<TestLab> {
  const stateDirectory = await mkdtemp(join(tmpdir(), `tandem-${stack}-`));
  const lab = openLab(stack, number, hosts, stateDirectory);
  const close = async () => {
    await takeDown(stack, stateDirectory);
    await rm(stateDirectory, { recursive: true, force: true });
  };
  return { lab, stateDirectory, close };
}

export function openLab(
  stack: string,
  number: number,
  hosts: number,
  stateDirectory: string,
  egress: 'allow' | 'deny' = 'deny',
): Lab {
  return new Lab({
    stack,
    stateDirectory,
    network: { subnet: `10.200.${number}.0/24`, gateway: `10.200.${number}.1`, egress },
    hosts: Array.from({ length: hosts }, (_, index) => ({
      name: `h-${index + 1}`,
      address: `10.200.${number}.${11 + index}`,
    })),
  });
}

export function service(name: string, command: readonly string[], more: Partial<Service> = {}): Service {
  return {
    name,
    description: `test service ${name}`,
    kind: 'daemon',
    command,
    user: 'root',
    environment: {},
    directories: [],
    files: [],
    readiness: { kind: 'process' },
    startTimeoutMs: 5_000,
    stop: { signal: 'SIGTERM', timeoutMs: 1_000 },
    restart: defaultRestart,
    after: [],
    startedBy: 'always',
    packages: [],
    ...more,
  };
}

/** A service that never ends by itself. */
export function sleeper(name: string, more: Partial<Service> = {}): Service {
  return service(name, ['/bin/sleep', '86400'], more);
}
