/**
 * Every rendered file of several stacks against its golden copy. After a wanted change: UPDATE_GOLDEN=1 npm test, then
 * read the difference.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { hostServices } from '#src/render/host-services.ts';
import type { Service } from '#src/render/service.ts';
import type { StackFile } from '#src/spec/schema.ts';
import type { HostSpec } from '#src/spec/spec.ts';
import { fixedMaterial } from '#test/fixtures/material.ts';
import { specOf } from '#test/fixtures/spec.ts';
import { stacks } from './stacks.ts';

describe.each(Object.entries(stacks))('%s', (name, stack) => {
  it('renders as its golden file says', () => {
    const path = join(import.meta.dirname, `${name}.golden.txt`);
    const rendered = renderStack(stack);
    if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(path, rendered);
    expect(rendered).toBe(readFileSync(path, 'utf8'));
  });
});

function renderStack(stack: StackFile): string {
  const spec = specOf(stack);
  const material = fixedMaterial(spec);
  return spec.hosts
    .flatMap((host) => [
      `######## ${host.name} ${host.address} (${host.roles.join(', ')})`,
      ...hostServices({ spec, host, material, ...releasesOf(host) }).flatMap(renderService),
    ])
    .join('\n');
}

/** Servers are shipped what lab hosts see by themselves. */
function releasesOf(host: HostSpec) {
  const releases = { code: 'code-0123', runtime: 'runtime-cdef', app: 'app-4567', static: 'static-89ab' };
  return host.ssh === undefined ? {} : { releases };
}

/** The service as data, then its files; certificates are all alike and left out. */
function renderService({ files, ...service }: Service): readonly string[] {
  const text = files.filter((file) => !file.path.endsWith('.pem') && !file.path.endsWith('.key'));
  return [
    `==== service ${service.name}`,
    JSON.stringify(service, null, 1),
    ...text.flatMap((file) => [
      `---- ${file.path} ${file.mode.toString(8)} ${file.owner} (on change: ${file.onChange})`,
      file.content,
    ]),
  ];
}
