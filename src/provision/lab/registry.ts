/**
 * Which labs are on this machine: a record per lab below /run, so that names and subnets are not given twice. A record
 * without a bridge or namespace (after a reboot of the machine) counts for nothing.
 */
import { access, mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic } from '#src/adapters/files/atomic.ts';
import { TandemError } from '#src/std/errors.ts';
import { parseSubnet, subnetsOverlap } from '#src/std/ipv4.ts';
import { expectCommand } from './command.ts';
import { bridgeName, namespaceName } from './names.ts';

export const registryDirectory = '/run/tandem-labs';

export interface LabRecord {
  readonly stack: string;
  readonly stateDirectory: string;
  readonly subnet: string;
  /** Names of the lab's hosts. */
  readonly hosts: readonly string[];
  /** Milliseconds since the Unix epoch. */
  readonly createdAtMs: number;
  /** `allow`: the lab needs the machine's IPv4 forwarding. */
  readonly egress: 'allow' | 'deny';
  /** Whether the machine's IPv4 forwarding is this lab's to switch off: it was off before there were labs. */
  readonly enabledForwarding: boolean;
}

function recordPath(stack: string): string {
  return join(registryDirectory, `${stack}.json`);
}

export async function readRecord(stack: string): Promise<LabRecord | undefined> {
  try {
    return JSON.parse(await readFile(recordPath(stack), 'utf8')) as LabRecord;
  } catch {
    return undefined;
  }
}

export async function writeRecord(record: LabRecord): Promise<void> {
  await mkdir(registryDirectory, { recursive: true, mode: 0o755 });
  await writeFileAtomic(recordPath(record.stack), `${JSON.stringify(record)}\n`, 0o600);
}

export async function removeRecord(stack: string): Promise<void> {
  await rm(recordPath(stack), { force: true });
}

async function allRecords(): Promise<readonly LabRecord[]> {
  const names = await readdir(registryDirectory).catch(() => [] as string[]);
  const stacks = names.filter((name) => name.endsWith('.json')).map((name) => name.slice(0, -5));
  return (await Promise.all(stacks.map(readRecord))).filter((record) => record !== undefined);
}

export async function namespaceNames(): Promise<readonly string[]> {
  return readdir('/run/netns').catch(() => []);
}

export async function namespaceIsThere(namespace: string): Promise<boolean> {
  return access(join('/run/netns', namespace)).then(
    () => true,
    () => false,
  );
}

async function linkNames(): Promise<ReadonlySet<string>> {
  return new Set(await readdir('/sys/class/net').catch(() => []));
}

/** Labs that are up, wholly or in part. */
export async function livingLabs(): Promise<readonly LabRecord[]> {
  const [records, links, namespaces] = await Promise.all([allRecords(), linkNames(), namespaceNames()]);
  return records.filter(
    ({ stack, hosts }) =>
      links.has(bridgeName(stack)) || hosts.some((host) => namespaces.includes(namespaceName(stack, host))),
  );
}

/** Who takes the machine's forwarding over from a lab that goes; undefined when no other lab needs it. */
export function forwardingHeir(stack: string, living: readonly LabRecord[]): LabRecord | undefined {
  return living.find((lab) => lab.stack !== stack && lab.egress === 'allow');
}

export type Claim = Omit<LabRecord, 'createdAtMs' | 'enabledForwarding'>;

/** What stands against a claim, given the other labs; undefined when nothing does. */
export function conflictOf(claim: Claim, others: readonly LabRecord[]): TandemError | undefined {
  const subnet = parseSubnet(claim.subnet);
  for (const other of others) {
    if (other.stack === claim.stack) {
      if (other.stateDirectory === claim.stateDirectory) continue;
      return new TandemError('lab-name-taken', `A lab named '${claim.stack}' is up from another place.`, {
        hint: `Give this stack another name, or take the other one down (its state is in ${other.stateDirectory}).`,
      });
    }
    if (subnetsOverlap(subnet, parseSubnet(other.subnet))) {
      return new TandemError(
        'subnet-taken',
        `The subnet ${claim.subnet} is in use by the lab '${other.stack}' (${other.subnet}).`,
        { hint: 'Set network.subnet in the stack file to a network that is free, or take that lab down.' },
      );
    }
    const own = new Set(claim.hosts.map((host) => namespaceName(claim.stack, host)));
    if (other.hosts.some((host) => own.has(namespaceName(other.stack, host)))) {
      return new TandemError(
        'lab-name-taken',
        `A host of the lab '${other.stack}' has the same full name as one of '${claim.stack}'.`,
        { hint: 'Give this stack another name.' },
      );
    }
  }
  return undefined;
}

/**
 * Writes the lab's record, then looks: of two labs that claim at once, at least one sees the other, and gives way. A
 * record of the same lab keeps its age.
 */
export async function claim(wanted: Claim, nowMs: number): Promise<LabRecord> {
  const earlier = await readRecord(wanted.stack);
  const before = conflictOf(wanted, await livingLabs());
  if (before !== undefined) throw before;
  const isSame = earlier !== undefined && earlier.stateDirectory === wanted.stateDirectory;
  const record: LabRecord = {
    ...wanted,
    // Hosts that were taken out of the stack file stay known until they are removed.
    hosts: [...new Set([...(isSame ? earlier.hosts : []), ...wanted.hosts])],
    createdAtMs: isSame ? earlier.createdAtMs : nowMs,
    enabledForwarding: isSame ? earlier.enabledForwarding : false,
  };
  if (isSame && JSON.stringify(earlier) === JSON.stringify(record)) return record;
  await writeRecord(record);
  const after = conflictOf(
    wanted,
    (await allRecords()).filter(
      (other) => other.createdAtMs < record.createdAtMs && other.createdAtMs > nowMs - 10_000,
    ),
  );
  if (after === undefined) return record;
  if (!isSame) await removeRecord(wanted.stack);
  throw after;
}

/** Rejects when an address or route of the machine, other than the lab's own bridge, lies in the subnet. */
export async function checkSubnetIsFree(stack: string, subnetText: string): Promise<void> {
  const subnet = parseSubnet(subnetText);
  const routes = JSON.parse(await expectCommand(['ip', '-json', '-4', 'route', 'show', 'table', 'all'])) as {
    dst: string;
    dev?: string;
  }[];
  for (const { dst, dev = '' } of routes) {
    if (dst === 'default' || dst === '0.0.0.0/0' || dev === bridgeName(stack)) continue;
    if (!subnetsOverlap(subnet, parseSubnet(dst.includes('/') ? dst : `${dst}/32`))) continue;
    throw new TandemError(
      'subnet-taken',
      `The subnet ${subnetText} is in use on this machine: ${dst} on ${dev}.`,
      {
        hint: 'Set network.subnet in the stack file to a network that is free.',
      },
    );
  }
}
