/** The real programs read the very files that would be put on a host, with real certificates. */
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { loadOrCreateMaterial } from '#src/provision/material/material.ts';
import { hostServices } from '#src/render/host-services.ts';
import type { Service } from '#src/render/service.ts';
import { parseStack } from '#src/spec/parse.ts';
import type { HostSpec, Spec } from '#src/spec/spec.ts';
import { hostPaths } from '#src/topology/paths.ts';
import { stacks } from './stacks.ts';

const root = mkdtempSync(join(tmpdir(), 'tandem-golden-'));
// What a bind mount needs to exist; only what was not there before is taken away again.
const mountPoints = [hostPaths.config, hostPaths.run].filter((path) => !existsSync(path));
for (const path of mountPoints) mkdirSync(path);

afterAll(() => {
  rmSync(root, { recursive: true });
  for (const path of mountPoints) rmdirSync(path);
});

describe.each(Object.entries(stacks))('%s', (name, stack) => {
  it('is accepted by the programs themselves', { timeout: 60_000 }, async () => {
    const parsed = parseStack(stack);
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.issues));
    const { spec } = parsed;
    const material = await loadOrCreateMaterial(join(root, name), spec);
    for (const host of spec.hosts) {
      const services = hostServices({ spec, host, material });
      for (const service of services.filter((candidate) => candidate.validate !== undefined)) {
        expect(check(spec, host, services, service), `${host.name} ${service.name}`).toBe('');
      }
    }
  });
});

describe('a broken file', () => {
  it.each(['firewall', 'haproxy', 'keepalived', 'mariadb', 'nginx'])('of %s is refused', async (broken) => {
    const parsed = parseStack(stacks['reference']);
    if (!parsed.ok) throw new Error('the reference stack is not valid');
    const { spec } = parsed;
    const material = await loadOrCreateMaterial(join(root, 'broken'), spec);
    const host = spec.hosts.find((candidate) =>
      hostServices({ spec, host: candidate, material }).some((service) => service.name === broken),
    ) as HostSpec;
    const services = hostServices({ spec, host, material }).map((service) =>
      service.name === broken
        ? {
            ...service,
            files: service.files.map((file) => ({
              ...file,
              content: `${file.content}\nnonsense_directive on;\n`,
            })),
          }
        : service,
    );
    const service = services.find((candidate) => candidate.name === broken) as Service;
    expect(check(spec, host, services, service)).not.toBe('');
  });
});

/** Empty when `service`'s own check passes, otherwise what it printed. */
function check(spec: Spec, host: HostSpec, services: readonly Service[], service: Service): string {
  const directory = mkdtempSync(join(root, 'etc-'));
  for (const file of services.flatMap((candidate) => candidate.files)) {
    const path = join(directory, file.path.slice(hostPaths.config.length));
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, file.content);
    chmodSync(path, file.mode);
  }
  const runDirectories = services.flatMap((candidate) => candidate.directories.map(({ path }) => path));
  // A network of its own, with the host's address: nginx -t binds what it would listen on.
  const script = [
    'set -e',
    `mount --bind ${directory} ${hostPaths.config}`,
    `mount -t tmpfs none ${hostPaths.run}`,
    `mkdir -p ${runDirectories.filter((path) => path.startsWith(hostPaths.run)).join(' ')} ${hostPaths.run}/none`,
    'ip link set lo up',
    'ip link add eth0 type veth peer name peer0',
    `ip address add ${host.address}/32 dev eth0`,
    'ip link set eth0 up',
    'exec "$@"',
  ].join('\n');
  try {
    execFileSync('unshare', ['--mount', '--net', 'sh', '-c', script, 'sh', ...(service.validate ?? [])], {
      stdio: 'pipe',
    });
    return '';
  } catch (error) {
    const { stdout, stderr } = error as { stdout: Buffer; stderr: Buffer };
    return `${spec.stack}: ${stdout.toString().slice(-2_000)}${stderr.toString().slice(-2_000)}` || 'failed';
  }
}
