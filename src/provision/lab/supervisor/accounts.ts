/** Unix accounts by name, from /etc/passwd and /etc/group (passwd(5), group(5)). */
import { readFileSync } from 'node:fs';

export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
  /** Every group that the account is a member of, its own included. */
  readonly groups: readonly number[];
}

export function parseAccount(
  passwd: string,
  group: string,
  name: string,
  extra: readonly string[] = [],
): Account {
  const entry = passwd
    .split('\n')
    .map((line) => line.split(':'))
    .find((fields) => fields[0] === name);
  if (entry === undefined) throw new Error(`there is no unix user '${name}' on this machine`);
  const gid = Number(entry[3]);
  const groups = new Set([gid]);
  const found = new Set<string>();
  for (const line of group.split('\n')) {
    const [groupName = '', , number, members = ''] = line.split(':');
    if (number === undefined) continue;
    if (extra.includes(groupName)) found.add(groupName);
    if (extra.includes(groupName) || members.split(',').includes(name)) groups.add(Number(number));
  }
  const missing = extra.filter((wanted) => !found.has(wanted));
  if (missing.length > 0) throw new Error(`there is no unix group '${missing.join("', '")}' on this machine`);
  return { name, uid: Number(entry[2]), gid, home: entry[5] ?? '/', groups: [...groups] };
}

export function findAccount(name: string, extraGroups: readonly string[] = []): Account {
  return parseAccount(
    readFileSync('/etc/passwd', 'utf8'),
    readFileSync('/etc/group', 'utf8'),
    name,
    extraGroups,
  );
}

/** Name of the user with this number; the number as text when nobody has it. */
export function userName(uid: number, passwd: string): string {
  const entry = passwd
    .split('\n')
    .map((line) => line.split(':'))
    .find((fields) => fields[2] === String(uid));
  return entry?.[0] ?? String(uid);
}
