/** The replication accounts that the members of the stack need, and no others: what to say to the primary. Pure. */
import { quoteName } from '#src/adapters/mariadb/dialect.ts';
import { memberOfReplicationAccount, replicationAccount, replicationAccountSql } from './accounts.ts';

export interface ReplicationAccounts {
  /** Names of accounts on the server. */
  readonly present: readonly string[];
  /** Names of members. */
  readonly members: readonly string[];
  /** Members that etcd still counts among those that may acknowledge: their accounts are the decision core's to lock. */
  readonly counted: readonly string[];
  readonly password: string;
}

/** Each statement may be repeated. */
export function replicationAccountChanges(seen: ReplicationAccounts): readonly string[] {
  const { present, members, counted, password } = seen;
  const missing = members.filter((member) => !present.includes(replicationAccount(member)));
  const gone = present.filter((account) => {
    const member = memberOfReplicationAccount(account);
    return !members.includes(member) && !counted.includes(member);
  });
  return [
    ...missing.flatMap((member) => replicationAccountSql(member, password)),
    ...gone.map((account) => `DROP USER IF EXISTS ${quoteName(account)}@'%'`),
  ];
}
