/**
 * `tandem deploy`: a release brought to the web hosts one by one, a part of the way (canary), and back. Whatever was
 * interrupted, the next one converges: it looks at what every host runs, and records first what it is about to do.
 */
import type { Service } from '#src/render/service.ts';
import { type HostSpec, hostsWithRole, type Spec } from '#src/spec/spec.ts';
import { clause, inputError, TandemError } from '#src/std/errors.ts';
import {
  type ApplicationRecord,
  previousRelease,
  type ReleaseChange,
  withEvent,
} from '#src/topology/application.ts';
import { operatorName } from '../stack-lock.ts';
import type { ReleaseArchive } from './archive.ts';
import { Balancers } from './balancers.ts';
import type { HostApplication } from './host.ts';
import { type ApplicationStore, withCanary } from './record.ts';
import { distribute, findArchive, prune, type ReleasePlace, webHosts } from './releases.ts';
import { revertHost, switchHost, UnhealthyRelease, type WebHostChange } from './web-host.ts';
import { applyWeights } from './weights.ts';

export interface DeployRequest extends ReleasePlace {
  readonly store: ApplicationStore;
  /** Every host's services, as they follow from a spec. */
  readonly render: (spec: Spec) => Promise<ReadonlyMap<string, readonly Service[]>>;
}

export interface DeployOutcome {
  readonly record: ApplicationRecord;
  /** Hosts whose processes were started anew. */
  readonly changed: readonly string[];
}

/** The release on all web hosts. */
export async function deploy(
  request: DeployRequest,
  archive: ReleaseArchive,
  source: string,
): Promise<DeployOutcome> {
  const { canary } = known(request);
  if (canary !== null && canary.release !== archive.release) throw canaryRuns(canary.host);
  return roll(request, archive, { change: 'deploy', detail: source });
}

/** Goes on with what a canary, or an interrupted deploy, has begun. */
export async function continueDeploy(request: DeployRequest): Promise<DeployOutcome> {
  const { canary, underWay } = known(request);
  const release = canary?.release ?? underWay?.release;
  if (release === undefined) {
    throw nothing("Nothing was begun that could go on. 'tandem deploy' brings a new release.");
  }
  const detail = canary === null ? 'continued' : `after a canary on ${canary.host}`;
  return roll(request, await findArchive(request, release), { change: 'deploy', detail });
}

/** Back: from a canary, or from what was interrupted, to the current release; otherwise to the one before it. */
export async function rollback(request: DeployRequest, to?: string): Promise<DeployOutcome> {
  const record = known(request);
  const isOpen = record.canary !== null || record.underWay !== null;
  const release = to ?? (isOpen ? record.current : previousRelease(record));
  if (release === undefined) throw nothing('There was no release before the current one.');
  const detail = isOpen ? 'took back what was begun' : `from ${record.current}`;
  return roll(request, await findArchive(request, release), { change: 'rollback', detail });
}

/** The release on the first web host alone, with that share of the requests. */
export async function deployCanary(
  request: DeployRequest,
  archive: ReleaseArchive,
  weight: number,
  source: string,
): Promise<DeployOutcome> {
  const record = known(request);
  const { spec } = request.access;
  const first = canaryHost(spec);
  const { canary: before, underWay } = record;
  if (before !== null && before.release !== archive.release) throw canaryRuns(first.name);
  // Of another change than this very canary the other hosts may have any of two releases.
  if (underWay !== null && (before === null || underWay.release !== archive.release))
    throw notEnded(underWay);
  const hosts = webHosts(request).filter(({ host }) => host === first.name);
  await distribute(request, webHosts(request), archive);
  const canary = { host: first.name, release: archive.release, weight };
  await begin(request, { ...record, canary }, archive.release);
  const change = await open(request);
  await applyWeights(request.access, await request.render(withCanary(spec, canary)), request.reporter);
  const changed = await switchAll(request, change, hosts, archive.release);
  await end(request, { ...record, canary }, 'canary', archive.release, `${source}, weight ${weight}`);
  return { record: known(request), changed };
}

function canaryHost(spec: Spec): HostSpec {
  const [first, ...others] = hostsWithRole(spec, 'web');
  if (spec.web.mode === 'active-passive') {
    throw nothing(
      'With web.mode active-passive the first web host takes every request: a canary would be the site.',
    );
  }
  if (first === undefined || !others.some(({ weight }) => weight > 0)) {
    throw nothing('A canary needs a second web host that serves meanwhile.');
  }
  return first;
}

interface Roll {
  readonly change: Extract<ReleaseChange, 'deploy' | 'rollback'>;
  readonly detail: string;
}

async function roll(
  request: DeployRequest,
  archive: ReleaseArchive,
  { change: kind, detail }: Roll,
): Promise<DeployOutcome> {
  const record = known(request);
  const { release } = archive;
  const hosts = webHosts(request);
  await distribute(request, hosts, archive);
  const change = await open(request);
  const isDone = await allRun(hosts, release);
  if (isDone && record.current === release && record.canary === null && record.underWay === null) {
    return { record, changed: [] };
  }
  await begin(request, record, release);
  const changed = await switchAll(request, change, hosts, release);
  const after = { ...record, current: release, canary: null };
  await applyWeights(request.access, await request.render(request.access.spec), request.reporter);
  await end(request, after, kind, release, detail);
  await prune(request, hosts, known(request));
  return { record: known(request), changed };
}

/** Balancers that answer, with nothing left drained by a command that was interrupted. */
async function open(request: DeployRequest): Promise<WebHostChange> {
  const { access, reporter } = request;
  const balancers = await Balancers.open(access);
  for (const host of await balancers.restoreAll())
    reporter.note(host, 'back in service after an earlier command');
  return { spec: access.spec, balancers, reporter };
}

async function allRun(hosts: readonly HostApplication[], release: string): Promise<boolean> {
  const seen = await Promise.all(hosts.map((host) => host.observe()));
  return seen.every(({ current, applied }) => current === release && applied === release);
}

/** One host after the other. When one does not become healthy, all that were changed go back, that one first. */
async function switchAll(
  request: DeployRequest,
  change: WebHostChange,
  hosts: readonly HostApplication[],
  release: string,
): Promise<readonly string[]> {
  const changed: HostApplication[] = [];
  for (const host of hosts) {
    const { current, applied } = await host.observe();
    if (current === release && applied === release) continue;
    changed.push(host);
    try {
      await switchHost(change, host, release);
    } catch (error) {
      if (!(error instanceof UnhealthyRelease)) throw error;
      await giveUp(request, change, { host, release, error });
    }
  }
  return changed.map(({ host }) => host);
}

interface Failure {
  readonly host: HostApplication;
  readonly release: string;
  readonly error: UnhealthyRelease;
}

async function giveUp(
  request: DeployRequest,
  change: WebHostChange,
  { host, release, error }: Failure,
): Promise<never> {
  const record = known(request);
  const before = record.current;
  const stuck: string[] = [];
  if (before === release) {
    stuck.push(host.host);
    await putBack(request, change, host.host);
  } else {
    // The one that failed first; then a canary, too.
    const others = webHosts(request).filter((each) => each.host !== host.host);
    for (const each of [host, ...others]) {
      const { current, applied } = await each.observe();
      if (current === before && applied === before) continue;
      await revertHost(change, each, before).catch((reason: Error) => {
        // Whoever has the lock now decides what comes of it.
        if (reason instanceof TandemError && reason.code === 'lock-lost') throw reason;
        stuck.push(each.host);
        request.reporter.note(each.host, `did not come back to ${before}: ${reason.message}`);
      });
    }
  }
  const { spec } = request.access;
  await applyWeights(request.access, await request.render(spec), request.reporter);
  const detail = `${host.host}: ${clause(error.message)}`;
  // What is left to do is to bring every host to the current release: `--continue` and `--rollback` both do.
  const underWay = stuck.length === 0 ? null : underWayTo(before);
  await note(request, { ...record, canary: null, underWay }, 'failed', release, detail);
  const others = before === release ? ', and others may run another one' : '';
  const [outcome, hint] =
    stuck.length === 0
      ? [`Every web host runs release ${before}, as before.`, "Mend it, then run 'tandem deploy' again."]
      : [
          `Release ${before} stays under way: ${stuck.join(', ')} did not become healthy with it${others}.`,
          `Mend it; 'tandem deploy --continue' goes on to release ${before}, and 'tandem deploy' brings another one.`,
        ];
  throw new TandemError('release-unhealthy', `Release ${release} is not healthy on ${detail}. ${outcome}`, {
    issues: error.issues,
    hint: `Above are the application's last lines. ${hint}`,
  });
}

/** A host that has nothing to go back to gets requests as far as the balancers' own checks find it well. */
async function putBack(
  { reporter }: DeployRequest,
  { balancers }: WebHostChange,
  host: string,
): Promise<void> {
  await reporter.step(host, 'back in service', () =>
    balancers.restore(host, 0).catch((error: TandemError) => reporter.note(host, error.message)),
  );
}

function known({ store }: Pick<DeployRequest, 'store'>): ApplicationRecord {
  if (store.record === undefined) {
    throw new TandemError('not-up', 'This stack has no release yet.', { hint: "Run 'tandem up' first." });
  }
  return store.record;
}

async function begin({ store }: DeployRequest, record: ApplicationRecord, release: string): Promise<void> {
  await store.write({ ...record, underWay: underWayTo(release) });
}

function underWayTo(release: string): NonNullable<ApplicationRecord['underWay']> {
  return { release, by: operatorName(), sinceMs: Date.now() };
}

async function end(
  request: DeployRequest,
  record: ApplicationRecord,
  change: ReleaseChange,
  release: string,
  detail: string,
): Promise<void> {
  await note(request, { ...record, underWay: null }, change, release, detail);
}

async function note(
  { store }: DeployRequest,
  record: ApplicationRecord,
  change: ReleaseChange,
  release: string,
  detail: string,
): Promise<void> {
  const event = { release, change, by: operatorName(), atMs: Date.now(), detail };
  await store.write(withEvent(record, event));
}

function nothing(message: string): TandemError {
  return new TandemError('nothing-to-deploy', message, { kind: 'input' });
}

function canaryRuns(host: string): TandemError {
  return inputError(
    'canary-runs',
    `${host} runs another release as a canary.`,
    [],
    "End that first: 'tandem deploy --continue' or 'tandem deploy --rollback'.",
  );
}

function notEnded({ release, by }: NonNullable<ApplicationRecord['underWay']>): TandemError {
  return inputError(
    'deploy-under-way',
    `The change to release ${release}, begun by ${by}, has not ended: some web hosts may have it, and others not.`,
    [],
    "End that first: 'tandem deploy --continue' or 'tandem deploy --rollback'.",
  );
}
