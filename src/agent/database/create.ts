/** Makes a new database on this member: empty server, accounts, schema. Starts over when it was interrupted. */
import { readFile, rm } from 'node:fs/promises';
import { runChecked } from '#src/adapters/process/run.ts';
import { serverIdOfEpoch } from '#src/ha/keys.ts';
import { newDatabaseSql } from './accounts.ts';
import { runAsRoot } from './as-root.ts';
import { makeServers, putInPlace, serverUser, stagingDirectory } from './files.ts';
import { readMarker } from './marker.ts';
import type { DatabaseMember } from './member.ts';
import { readPasswords } from './passwords.ts';

/**
 * The epoch in which a database is created: below every revision of etcd at which a leader's key can be made, and so
 * below every later epoch.
 */
export const firstEpoch = 1;

export async function createDatabase(member: DatabaseMember): Promise<void> {
  const { config, log } = member;
  const { dataDirectory } = config;
  const before = await readMarker(dataDirectory);
  if (before === 'damaged' || (before !== undefined && before.state !== 'creating')) {
    throw new Error('a database that is there is never created again');
  }
  // From here to `ready` the data directory holds nothing that anybody was told of.
  await member.setMarker({ stackId: member.stackId, state: 'creating' });
  await member.stopServer();
  await rm(dataDirectory, { recursive: true, force: true });
  log.info('creating the database', { directory: dataDirectory });
  const staged = await stagingDirectory(dataDirectory);
  await runChecked(
    [
      'mariadb-install-db',
      '--no-defaults',
      `--user=${serverUser}`,
      `--datadir=${staged}`,
      '--auth-root-authentication-method=socket',
      '--skip-test-db',
      '--skip-name-resolve',
    ],
    { timeoutMs: 120_000 },
  );
  await makeServers(staged);
  await putInPlace(staged, dataDirectory);
  await member.startServer('MASTER', serverIdOfEpoch(firstEpoch));
  await runAsRoot(config.socket, await creationSql(member));
  log.info('the database is created', { schema: config.schema });
  await member.setMarker({ stackId: member.stackId, state: 'ready' });
}

async function creationSql(member: DatabaseMember): Promise<string> {
  const { config } = member;
  return newDatabaseSql({
    stackId: member.stackId,
    epoch: firstEpoch,
    holder: member.self,
    members: config.members.map(({ name }) => name),
    schema: config.schema,
    applicationAccount: config.applicationAccount,
    passwords: await readPasswords(config.passwordsFile),
    schemaSql: config.schemaFile === undefined ? undefined : await readFile(config.schemaFile, 'utf8'),
  });
}
