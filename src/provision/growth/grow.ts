/**
 * `up` when hosts come or go. The way from what was applied to what the stack file says leads over ordinary stacks
 * (src/plan/growth.ts), each applied and healthy before the next. What is noted of the hosts (`known-hosts.ts`) is enough
 * to go on from any point: every step can be repeated.
 */
import { asHost, asKnown, type Growth, growthIssues, growthOf } from '#src/plan/growth.ts';
import { appSocket } from '#src/render/app.ts';
import { type HostSpec, hostsWithRole } from '#src/spec/spec.ts';
import { inputError, TandemError } from '#src/std/errors.ts';
import type { KnownHost } from '#src/topology/known-hosts.ts';
import { HostApplication } from '../application/host.ts';
import type { StackAccess } from '../health.ts';
import type { UpOutcome, UpRequest } from '../up.ts';
import { handDatabaseOver, readSync } from './database.ts';
import { KnownHostsStore } from './known-hosts.ts';
import { leaveAddresses, leaveIssues } from './leave.ts';
import { Quorum, readQuorum, removeData } from './quorum.ts';

const webMs = 30_000;

/** Applies one stack: `later` are hosts that are begun with when all others know them. */
export type Converge = (
  request: UpRequest,
  options: { readonly later: ReadonlySet<string>; readonly isNew: boolean },
) => Promise<UpOutcome>;

export async function grow(request: UpRequest, converge: Converge): Promise<UpOutcome> {
  return (await Grower.open(request, converge)).run();
}

/** What `up` would do about hosts that come and go; rejects a change that is refused whatever state they are in. */
export async function planGrowth(access: StackAccess, stateDirectory: string): Promise<Growth> {
  const { hosts } = await KnownHostsStore.open(access, stateDirectory);
  refuse(unfinished(hosts, access));
  const known = isFirst(hosts) ? undefined : hosts;
  const growth = growthOf(known, access.spec);
  refuse(growthIssues(known, access.spec, growth));
  return growth;
}

/** Nothing was ever healthy, so there is nothing that hosts could join. */
const isFirst = (known: readonly KnownHost[] | undefined) =>
  !(known ?? []).some(({ state }) => state === 'in');

class Grower {
  readonly #request: UpRequest;
  readonly #converge: Converge;
  readonly #store: KnownHostsStore;
  readonly #growth: Growth;
  /** As noted now, without hosts that came to nothing. */
  #known: readonly KnownHost[];
  readonly #isNew: boolean;
  readonly #lost: ReadonlySet<string>;

  private constructor(
    request: UpRequest,
    converge: Converge,
    found: { store: KnownHostsStore; known: readonly KnownHost[] | undefined; lost: ReadonlySet<string> },
  ) {
    this.#request = request;
    this.#converge = converge;
    this.#store = found.store;
    this.#isNew = isFirst(found.known);
    this.#known = found.known ?? [];
    this.#growth = growthOf(this.#isNew ? undefined : found.known, request.spec);
    this.#lost = found.lost;
  }

  /** Everything that can be wrong with the change is told here, before anything is changed. */
  static async open(request: UpRequest, converge: Converge): Promise<Grower> {
    const store = await KnownHostsStore.open(request, request.stateDirectory);
    const noted = store.hosts;
    refuse(unfinished(noted, request));
    const lost = new Set(request.lost);
    refuse(lostIssues(noted, request));
    const known = noted === undefined ? undefined : await withoutDone(request, noted, lost);
    const grower = new Grower(request, converge, { store, known, lost });
    refuse(growthIssues(known, request.spec, grower.#growth));
    await request.infrastructure.preflight();
    await grower.#checkLeavers();
    await grower.#checkLost();
    return grower;
  }

  async run(): Promise<UpOutcome> {
    const { joining, withNewcomers, withLeavers, gone } = this.#growth;
    const later = new Set(joining.map(({ host }) => host));
    await this.#note(this.#isNew ? [] : this.#known);
    let changed = false;
    // A member that is lost counts against every majority until it is taken out.
    if (this.#lost.size > 0) await this.#dismiss();
    if (withNewcomers !== undefined) {
      const request = await this.#request.at(withNewcomers);
      await this.#converge(request, { later, isNew: false });
      await this.#checkWeb(request, later);
      await this.#note(this.#known.map((host) => (later.has(host.name) ? this.#arrived(host) : host)));
      changed = true;
    }
    if (withLeavers !== undefined) {
      const request = await this.#request.at(withLeavers);
      await this.#converge(request, { later: new Set(), isNew: false });
      await handDatabaseOver(request, request.reporter);
      await leaveAddresses(request, request.reporter);
      await this.#dismiss();
      await this.#note(this.#known.map((host) => this.#released(host)));
      changed = true;
    }
    const outcome = await this.#converge(this.#request, { later: new Set(), isNew: this.#isNew });
    await this.#clean(gone);
    await this.#forget();
    return { ...outcome, changed: outcome.changed || changed || gone.length > 0 };
  }

  /** Hosts that are begun with are noted first, and hosts that go are noted until nothing is left on them. */
  async #note(before: readonly KnownHost[]): Promise<void> {
    const stateOf = (name: string) => before.find((host) => host.name === name);
    const wanted = this.#request.spec.hosts.map((host) => {
      const had = stateOf(host.name);
      if (had === undefined || had.state !== 'in') return asKnown(host, 'joining');
      // What it had counts until it has given it up.
      return had;
    });
    const names = new Set(wanted.map(({ name }) => name));
    this.#known = [...wanted, ...before.filter(({ name }) => !names.has(name))];
    await this.#store.note(this.#known);
  }

  #arrived(host: KnownHost): KnownHost {
    const wanted = this.#request.spec.hosts.find(({ name }) => name === host.name);
    const roles = [...new Set([...(wanted?.roles ?? []), ...(host.state === 'in' ? host.roles : [])])];
    return { ...host, roles, state: 'in' };
  }

  #released(host: KnownHost): KnownHost {
    const wanted = this.#request.spec.hosts.find(({ name }) => name === host.name);
    if (wanted === undefined) return { ...host, state: 'out' };
    return { ...host, roles: host.roles.filter((role) => wanted.roles.includes(role)) };
  }

  async #dismiss(): Promise<void> {
    const request = this.#request;
    const quorum = new Quorum({ access: request, stackId: '', reporter: request.reporter, isNew: false });
    const hosts = hostsWithRole(request.spec, 'quorum');
    const others = this.#known.filter(({ name, roles }) => roles.includes('quorum') && this.#stays(name));
    await quorum.dismissOthers([
      ...hosts,
      ...others.map(({ name, address }) => ({ name, address }) as HostSpec),
    ]);
  }

  /** In the first look, before newcomers: only the lost ones go. */
  #stays(name: string): boolean {
    const { leaving } = this.#growth;
    if (this.#lost.has(name)) return false;
    return !leaving.some(({ host, roles }) => host === name && roles.includes('quorum'));
  }

  async #checkWeb(request: UpRequest, names: ReadonlySet<string>): Promise<void> {
    const { web } = request.spec;
    const sockets = Array.from({ length: web.instances }, (_, index) => appSocket(index + 1));
    const question = { sockets, healthPath: web.app.healthPath, drainMs: 0, timeoutMs: webMs };
    for (const { name } of hostsWithRole(request.spec, 'web').filter((host) => names.has(host.name))) {
      const application = new HostApplication(request.infrastructure.driver(name));
      const { healthy, problems } = await application.check(question);
      if (healthy) continue;
      throw new TandemError('newcomer-unhealthy', `${name} does not answer requests yet, so it gets none.`, {
        issues: problems.map((message) => ({ path: name, message })),
        hint: `The other hosts serve. See 'tandem logs ${name}'; then run 'tandem up' again.`,
      });
    }
  }

  async #checkLeavers(): Promise<void> {
    const { withLeavers } = this.#growth;
    if (withLeavers === undefined) return;
    const access = await this.#request.at(withLeavers);
    const silent = await unreachable(
      access,
      withLeavers.hosts.filter(({ transit }) => transit !== undefined),
    );
    refuse(
      silent.map(({ name, why }) => ({
        path: name,
        message: `is to be taken out and cannot be reached: ${why}`,
        hint: `Bring it back, so that it can hand over what it has. If it is gone for good: 'tandem up --lost ${name}'.`,
      })),
    );
    const settled = new Set(this.#known.filter(({ state }) => state === 'in').map(({ name }) => name));
    refuse(await leaveIssues({ access, wanted: this.#request.spec, settled }));
  }

  /** Nobody may lead on from data that only a lost host has. */
  async #checkLost(): Promise<void> {
    if (this.#lost.size === 0) return;
    const access = this.#request;
    const sync = await readSync(access, hostsWithRole(access.spec, 'database'));
    if (sync === undefined || !this.#lost.has(sync.leader)) return;
    refuse([
      {
        path: sync.leader,
        message: 'is the last primary of the database, and nobody has taken over from it',
        hint: "Wait for the failover to end, or see 'tandem status' for what keeps it; 'tandem failover --force' tells what may be lost.",
      },
    ]);
  }

  async #clean(gone: readonly KnownHost[]): Promise<void> {
    const request = this.#request;
    const { leaving } = this.#growth;
    for (const host of request.spec.hosts) {
      const lost = leaving.find((move) => move.host === host.name);
      if (lost?.roles.includes('quorum') === true) await removeData(request.infrastructure.driver(host.name));
    }
    if (gone.length === 0) return;
    const everybody = await request.at({
      ...request.spec,
      hosts: [...request.spec.hosts, ...gone.map(asHost)],
    });
    for (const { name } of gone) {
      if (this.#lost.has(name)) {
        request.reporter.note(
          name,
          'was not looked at: should it come back, take it down before it is connected',
        );
        continue;
      }
      await request.reporter.step(name, 'end services, remove files; data stays', () =>
        everybody.infrastructure.leave(name),
      );
    }
  }

  async #forget(): Promise<void> {
    await this.#store.share(this.#request.spec.hosts.map((host) => asKnown(host, 'in')));
  }
}

function refuse(issues: Parameters<typeof inputError>[2]): void {
  if (issues.length === 0) return;
  throw inputError('hosts-refused', 'The change of hosts is refused. Nothing was changed.', issues);
}

/** A first run that was never completed has proved nothing of the hosts that it was begun with. */
function unfinished(known: readonly KnownHost[] | undefined, { spec }: Pick<StackAccess, 'spec'>) {
  if (known === undefined || known.some(({ state }) => state === 'in')) return [];
  return known
    .filter(({ name }) => !spec.hosts.some((host) => host.name === name))
    .map(({ name }) => ({
      path: name,
      message: "is no longer in the stack file, and the first 'tandem up' with it was never completed",
      hint: `Put ${name} back and run 'tandem up', then take it out; or begin anew: 'tandem down --purge' with it in the file.`,
    }));
}

function lostIssues(known: readonly KnownHost[] | undefined, { spec, lost }: UpRequest) {
  return lost.flatMap((name) => {
    if (spec.hosts.some((host) => host.name === name))
      return [{ path: name, message: 'is in the stack file', hint: 'Take it out of the file first.' }];
    if (known?.some((host) => host.name === name) === true) return [];
    return [{ path: name, message: 'is no host that this stack was on', hint: 'Check its name.' }];
  });
}

/** What a run that was killed has done already, and what lost hosts can't do any more, need not be done again. */
async function withoutDone(
  request: UpRequest,
  noted: readonly KnownHost[],
  lost: ReadonlySet<string>,
): Promise<readonly KnownHost[]> {
  const isWanted = (name: string) => request.spec.hosts.some((host) => host.name === name);
  if (noted.every(({ name, state }) => isWanted(name) && state === 'in')) {
    const wanted = (name: string) => request.spec.hosts.find((host) => host.name === name)?.roles ?? [];
    if (noted.every(({ name, roles }) => roles.every((role) => wanted(name).includes(role)))) return noted;
  }
  const members = await readQuorum(request);
  const sync = await readSync(request, hostsWithRole(request.spec, 'database'));
  const used = new Set([
    ...(sync?.members ?? []),
    ...(sync?.mayAcknowledge ?? []),
    sync?.leader,
    sync?.joining,
  ]);
  return noted.map((host) => {
    if (isWanted(host.name)) return host;
    if (lost.has(host.name) || (host.state === 'joining' && !used.has(host.name)))
      return { ...host, state: 'out' };
    const wasDismissed =
      members !== undefined &&
      !members.some(({ peerUrls }) => peerUrls.some((url) => url.includes(`//${host.address}:`)));
    return wasDismissed ? { ...host, roles: host.roles.filter((role) => role !== 'quorum') } : host;
  });
}

async function unreachable(
  { infrastructure }: UpRequest,
  hosts: readonly HostSpec[],
): Promise<readonly { readonly name: string; readonly why: string }[]> {
  const looks = hosts.map(async ({ name }) => {
    try {
      const services = await infrastructure.driver(name).services();
      return services.length > 0 ? [] : [{ name, why: 'nothing runs there' }];
    } catch (error) {
      return [{ name, why: (error as Error).message }];
    }
  });
  return (await Promise.all(looks)).flat();
}
