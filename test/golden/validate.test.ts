/** The real programs read the very files that would be put on a host, with real certificates. */
import { describe, expect, it } from 'vitest';
import { hostServices } from '#src/render/host-services.ts';
import type { Service } from '#src/render/service.ts';
import type { HostSpec } from '#src/spec/spec.ts';
import { realMaterial } from '#test/fixtures/material.ts';
import { Sandbox } from '#test/fixtures/sandbox.ts';
import { specOf } from '#test/fixtures/spec.ts';
import { stacks } from './stacks.ts';

describe.each(Object.entries(stacks))('%s', (_name, stack) => {
  it('is accepted by the programs themselves', { timeout: 60_000 }, async () => {
    const spec = specOf(stack);
    const material = await realMaterial(spec);
    for (const host of spec.hosts) {
      const services = hostServices({ spec, host, material });
      for (const service of services.filter((candidate) => candidate.validate !== undefined)) {
        expect(complaint(host, services, service), `${host.name} ${service.name}`).toBe('');
      }
    }
  });
});

describe('a broken file', () => {
  it.each(['alertmanager', 'firewall', 'haproxy', 'keepalived', 'mariadb', 'nginx', 'prometheus'])(
    'of %s is refused',
    async (broken) => {
      const spec = specOf(stacks['reference'] as (typeof stacks)[string]);
      const material = await realMaterial(spec);
      const host = spec.hosts.find((candidate) =>
        hostServices({ spec, host: candidate, material }).some((service) => service.name === broken),
      ) as HostSpec;
      const services = hostServices({ spec, host, material }).map((service) =>
        service.name === broken ? { ...service, files: service.files.map(withNonsense) } : service,
      );
      const service = services.find((candidate) => candidate.name === broken) as Service;
      expect(complaint(host, services, service)).not.toBe('');
    },
  );
});

function withNonsense(file: Service['files'][number]): Service['files'][number] {
  return { ...file, content: `${file.content}\nnonsense_directive on;\n` };
}

/** Empty when `service`'s own check passes, otherwise what it printed last. */
function complaint(host: HostSpec, services: readonly Service[], service: Service): string {
  using sandbox = new Sandbox(services);
  const { code, output } = sandbox.validate(service, host.address);
  return code === 0 ? '' : `code ${code}: ${output.slice(-2_000)}`;
}
