import { describe, expect, it } from 'vitest';
import { hostServices } from '#src/render/host-services.ts';
import { settingSql, settingText } from '#src/render/mariadb-settings.ts';
import type { Service } from '#src/render/service.ts';
import { fixedMaterial } from '#test/fixtures/material.ts';
import { referenceSpec } from '#test/fixtures/spec.ts';

function mariadb(settings: Record<string, string | number | boolean>): Service {
  const reference = referenceSpec();
  const spec = { ...reference, database: { ...reference.database, settings } };
  const host = spec.hosts.find(({ roles }) => roles.includes('database'));
  if (host === undefined) throw new Error('no database host');
  const services = hostServices({ spec, host, material: fixedMaterial(spec) });
  return services.find(({ name }) => name === 'mariadb') as Service;
}

const textOf = (service: Service, effect: string): string =>
  service.files
    .filter(({ onChange }) => onChange === effect)
    .map(({ content }) => content)
    .join('');

describe('a server variable of the stack file', () => {
  it('that a running server takes is a reload', () => {
    const [plain, changed] = [mariadb({}), mariadb({ innodb_io_capacity: '2k' })];
    expect(textOf(changed, 'restart')).toBe(textOf(plain, 'restart'));
    expect(textOf(changed, 'reload')).toContain('innodb_io_capacity = 2k\n');
    expect(textOf(changed, 'reload')).toContain('SET GLOBAL innodb_io_capacity = 2048;\n');
  });

  it('of which sessions have copies, or that only a start reads, is a restart', () => {
    for (const name of ['sort_buffer_size', 'back_log', 'slave_parallel_threads'])
      expect(textOf(mariadb({ [name]: 64 }), 'restart')).toContain(`${name} = 64\n`);
  });
});

it('is written for an option file and for SQL', () => {
  const both = (value: string | number | boolean) => [settingText(value), settingSql(value)];
  expect(both(true)).toEqual(['ON', 'ON']);
  expect(both(1.5)).toEqual(['1.5', '1.5']);
  expect(both('64M')).toEqual(['64M', '67108864']);
  expect(both('FILE,TABLE')).toEqual(['FILE,TABLE', "'FILE,TABLE'"]);
  expect(both("it's\\a")).toEqual(['"it\'s\\\\a"', "'it''s\\\\a'"]);
});
