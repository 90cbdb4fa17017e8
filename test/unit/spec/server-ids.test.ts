import { expect, it } from 'vitest';
import { parseStack } from '#src/spec/parse.ts';
import { memberServerId } from '#src/topology/server-id.ts';
import { referenceStackFile } from '#test/fixtures/spec.ts';

function issues(first: string, second: string): readonly string[] {
  const { hosts } = referenceStackFile;
  const result = parseStack({
    ...referenceStackFile,
    network: { subnet: '10.0.0.0/8' },
    hosts: {
      ...hosts,
      'server-1': { ...hosts['server-1'], address: first },
      'server-2': { ...hosts['server-2'], address: second },
    },
  });
  return result.ok ? [] : result.issues.map(({ path, message }) => `${path}: ${message}`);
}

it('are the last half of the address: different for all members, and not 0', () => {
  expect(memberServerId('10.77.1.13')).toBe(269);
  expect(issues('10.1.0.13', '10.1.0.14')).toEqual([]);
  expect(issues('10.1.0.13', '10.2.0.13')).toEqual([
    'hosts.server-2.address: 10.2.0.13 ends in the same two numbers as server-1 (10.1.0.13): MariaDB knows its members by them',
  ]);
  expect(issues('10.1.0.0', '10.2.0.13')).toEqual([
    "hosts.server-1.address: 10.1.0.0 ends in '.0.0': MariaDB knows its members by them",
  ]);
});
