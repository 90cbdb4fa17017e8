/** Takes labs down, whole or half-built, also when their state files are gone: what counts is what is on the machine. */
import { readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { signal } from '#src/adapters/process/table.ts';
import { SupervisorClient } from '#src/adapters/supervisor-client.ts';
import { TandemError } from '#src/std/errors.ts';
import { hostPaths } from '#src/topology/paths.ts';
import { hostDirectories } from './enter.ts';
import { faultTableName, namespaceName } from './names.ts';
import { disableForwarding, processesIn, removeBridge, removeHostNetwork, removeTable } from './network.ts';
import {
  forwardingHeir,
  livingLabs,
  namespaceNames,
  readRecord,
  registryDirectory,
  removeRecord,
  writeRecord,
} from './registry.ts';
import { lockPath } from './supervisor/store.ts';

/** What a service gets to end by itself; with what follows it, `down` stays below 5 s. */
const graceMs = 2_500;
const healthTimeoutMs = 300;

/**
 * Ends everything of a lab on this machine; data, secrets and logs stay. `stateDirectory` is the caller's guess for a lab
 * whose record is gone.
 */
export async function takeDown(stack: string, stateDirectory: string): Promise<void> {
  const record = await readRecord(stack);
  const state = record?.stateDirectory ?? stateDirectory;
  const hosts = await hostsOf(stack);
  await Promise.all(hosts.map((host) => stopHost(stack, host, state)));
  for (const host of hosts) await removeHostNetwork(stack, host);
  await removeBridge(stack);
  await removeTable('bridge', faultTableName(stack)).catch(() => undefined);
  if (record?.enabledForwarding === true) await leaveForwarding(stack);
  await removeRecord(stack);
  removeMountPoints();
}

/** The last lab that needs the machine's forwarding switches it off, whichever switched it on. */
async function leaveForwarding(stack: string): Promise<void> {
  const heir = forwardingHeir(stack, await livingLabs());
  if (heir !== undefined) await writeRecord({ ...heir, enabledForwarding: true });
  else await disableForwarding();
}

/** Removes what `takeDown` leaves: data, secrets, logs. */
export async function purge(stateDirectory: string): Promise<void> {
  try {
    await rm(stateDirectory, { recursive: true, force: true });
  } catch (cause) {
    const { code, path = stateDirectory } = cause as NodeJS.ErrnoException;
    if (code !== 'EBUSY') throw cause;
    throw new TandemError('not-removed', `${path} can't be removed: something is mounted there.`, {
      hint: "The lab is down. Unmount it ('findmnt' shows it), then run 'tandem down --purge' again for what is left.",
      cause,
    });
  }
}

/** Hosts of a lab by its namespaces, whether or not its record knows them, without those that another lab claims. */
async function hostsOf(stack: string): Promise<readonly string[]> {
  const [record, namespaces, labs] = await Promise.all([readRecord(stack), namespaceNames(), livingLabs()]);
  const foreign = new Set(
    labs
      .filter((lab) => lab.stack !== stack)
      .flatMap((lab) => lab.hosts.map((host) => namespaceName(lab.stack, host))),
  );
  const prefix = namespaceName(stack, '');
  const found = namespaces.filter((name) => name.startsWith(prefix) && !foreign.has(name));
  return [...new Set([...(record?.hosts ?? []), ...found.map((name) => name.slice(prefix.length))])];
}

/** Ends every process of a host: asked by its supervisor first, then by force. */
export async function stopHost(stack: string, host: string, stateDirectory: string): Promise<void> {
  const namespace = namespaceName(stack, host);
  if (!(await namespaceNames()).includes(namespace)) return;
  const supervisor = new SupervisorClient(
    join(hostDirectories(stateDirectory, host).run, 'supervisor.sock'),
    host,
  );
  const isThere = (await supervisor.healthIfThere(healthTimeoutMs).catch(() => undefined)) !== undefined;
  if (isThere) await supervisor.shutdown(graceMs).catch(() => undefined);
  else await endByHand(namespace);
  await killAll(namespace);
}

/** Stops the supervisor and its keeper in their tracks, so that nobody is started again. */
export async function freezeSupervision(namespace: string): Promise<void> {
  for (const pid of await processesIn(namespace)) if (isSupervision(pid)) signal(pid, 'SIGSTOP');
}

/** Without a supervisor that answers: away with it and its keeper, then everybody else is asked to end. */
async function endByHand(namespace: string): Promise<void> {
  await freezeSupervision(namespace);
  for (const pid of await processesIn(namespace)) {
    signal(pid, isSupervision(pid) ? 'SIGKILL' : 'SIGTERM');
    signal(pid, 'SIGCONT');
  }
  const deadline = performance.now() + graceMs;
  while (performance.now() < deadline && (await processesIn(namespace)).some(isNoZombie)) await sleep(50);
}

function isSupervision(pid: number): boolean {
  const words = commandLine(pid);
  return words.includes(lockPath) || words.some((word) => word.endsWith('/src/bin/supervisor.ts'));
}

function commandLine(pid: number): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return [];
  }
}

function isNoZombie(pid: number): boolean {
  return commandLine(pid).length > 1;
}

/** SIGKILL until nobody is left: whoever is just being started is caught in the next round. */
export async function killAll(namespace: string): Promise<void> {
  for (let round = 0; round < 100; round += 1) {
    const pids = await processesIn(namespace);
    if (pids.length === 0) return;
    for (const pid of pids) signal(pid, 'SIGKILL');
    await sleep(5);
  }
}

/**
 * The empty directories that hosts' own ones are bound on. Removing one detaches it in every mount namespace, so they stay
 * as long as any lab is recorded. No pause between look and removal.
 */
function removeMountPoints(): void {
  let records: readonly string[] = [];
  try {
    records = readdirSync(registryDirectory);
  } catch {
    // There never was a lab.
  }
  if (records.some((name) => name.endsWith('.json'))) return;
  for (const path of [...Object.values(hostPaths), registryDirectory]) {
    try {
      rmdirSync(path);
    } catch {
      // Missing, or somebody keeps something there.
    }
  }
}
