/** Database members on their way out: the primary's role and the standby's place go to members that stay. */
import { setTimeout as sleep } from 'node:timers/promises';
import { askAgent } from '#src/adapters/agent-client.ts';
import { type HostSpec, hostsWithRole, type Spec } from '#src/spec/spec.ts';
import { TandemError } from '#src/std/errors.ts';
import type { Reporter } from '#src/std/reporter.ts';
import { switchOver } from '../gates.ts';
import { readStatus, type StackAccess } from '../health.ts';

const answerMs = 4_000;
const lookMs = 250;
/** Beside `degradeAfterMs`: for the successor to be named. */
const successionMs = 120_000;

/** As etcd has it (`GET /v1/database/sync`). */
export interface SyncRecord {
  readonly leader: string;
  readonly members: readonly string[];
  readonly joining: string | null;
  readonly mayAcknowledge: readonly string[];
}

/** Of the first member among `hosts` whose agent answers. */
export async function readSync(
  access: StackAccess,
  hosts: readonly HostSpec[],
): Promise<SyncRecord | undefined> {
  const identity = await access.operator();
  for (const { name } of hosts) {
    try {
      const endpoint = await access.infrastructure.agent(name);
      const ask = { path: '/v1/database/sync', timeoutMs: answerMs };
      const { status, body } = await askAgent(endpoint, identity, ask);
      if (status === 200) return (body as { sync: SyncRecord }).sync;
    } catch {
      // The next one may answer.
    }
  }
  return undefined;
}

function leavingNames(spec: Spec): readonly string[] {
  return hostsWithRole(spec, 'database')
    .filter(({ transit }) => transit?.leaving.includes('database') === true)
    .map(({ name }) => name);
}

/** Resolves when nothing of the database rests on a member that leaves. `access.spec` says which do. */
export async function handDatabaseOver(access: StackAccess, reporter: Reporter): Promise<void> {
  const leaving = leavingNames(access.spec);
  if (leaving.length === 0) return;
  const staying = hostsWithRole(access.spec, 'database').filter(({ name }) => !leaving.includes(name));
  const { primary } = (await readStatus(access)).database;
  if (primary !== null && leaving.includes(primary)) {
    const to = await successorOf(access, staying);
    await reporter.step(primary, `move the primary to ${to}`, () => switchOver(access, to));
  }
  const [first = ''] = leaving;
  await reporter.step(first, 'give up its part in acknowledging writes', async () => {
    const deadline = performance.now() + access.spec.database.degradeAfterMs + successionMs;
    for (;;) {
      const sync = await readSync(access, staying);
      if (sync !== undefined && isFree(sync, leaving, access.spec, staying.length)) return;
      if (performance.now() > deadline) throw stuck(leaving, sync);
      await sleep(lookMs);
    }
  });
}

function isFree(sync: SyncRecord, leaving: readonly string[], spec: Spec, staying: number): boolean {
  const used = [
    sync.leader,
    ...sync.members,
    ...sync.mayAcknowledge,
    ...(sync.joining === null ? [] : [sync.joining]),
  ];
  if (used.some((name) => leaving.includes(name))) return false;
  return spec.database.sync === 'async' || staying < 2 || sync.members.length > 1;
}

/** The standby when it stays, else the first member that follows. */
async function successorOf(access: StackAccess, staying: readonly HostSpec[]): Promise<string> {
  const { members } = (await readStatus(access)).database;
  const fit = members.filter(
    ({ host, role }) => role === 'replica' && staying.some(({ name }) => name === host),
  );
  const found = fit.find(({ sync }) => sync) ?? fit[0];
  if (found !== undefined) return found.host;
  throw new TandemError(
    'nobody-to-take-over',
    'No database member that stays can take over from the primary.',
    {
      issues: staying.map(({ name }) => ({
        path: name,
        message: members.find(({ host }) => host === name)?.explanation ?? 'nothing is known of it',
      })),
      hint: "Nothing was taken out. 'tandem status' shows what they lack; then run the command again.",
    },
  );
}

function stuck(leaving: readonly string[], sync: SyncRecord | undefined): TandemError {
  const state =
    sync === undefined
      ? 'no agent that stays reaches the quorum'
      : `${sync.leader} leads, with ${sync.members.filter((name) => name !== sync.leader).join() || 'no standby'}; may acknowledge: ${sync.mayAcknowledge.join() || 'nobody'}`;
  return new TandemError(
    'member-still-used',
    `${leaving.join(' and ')}: commits still rest on it, so it was not taken out (${state}).`,
    { hint: "'tandem status' shows what the members that stay lack; then run the command again." },
  );
}
