import { expect, it } from 'vitest';
import { replicationAccountChanges } from '#src/agent/database/replication-accounts.ts';

const changes = (present: readonly string[], members: readonly string[], counted: readonly string[] = []) =>
  replicationAccountChanges({
    present: present.map((name) => `tandem_replication_${name}`),
    members,
    counted,
    password: 'p',
  });

it('says nothing when every member has its account', () => {
  expect(changes(['a', 'b'], ['a', 'b'])).toEqual([]);
});

it('makes the account of a member that joins', () => {
  expect(changes(['a'], ['a', 'b'])).toEqual([
    "CREATE USER IF NOT EXISTS `tandem_replication_b`@'%' IDENTIFIED BY 'p' REQUIRE SSL",
    "GRANT REPLICATION SLAVE ON *.* TO `tandem_replication_b`@'%'",
  ]);
});

it('drops that of a member that was taken out, but not while it may acknowledge', () => {
  expect(changes(['a', 'b'], ['a'], ['a', 'b'])).toEqual([]);
  expect(changes(['a', 'b'], ['a'], ['a'])).toEqual(["DROP USER IF EXISTS `tandem_replication_b`@'%'"]);
});
