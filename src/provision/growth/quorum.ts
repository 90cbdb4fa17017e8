/**
 * Members of etcd that come and go. A new quorum is founded by all its members at once; later one at a time joins, without
 * a vote until it has what the others have (etcd.io/docs/v3.4/learning/design-learner).
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { etcdBootstrap, etcdPaths, etcdPeerUrl } from '#src/render/etcd.ts';
import { type HostSpec, hostsWithRole, type Spec } from '#src/spec/spec.ts';
import { TandemError } from '#src/std/errors.ts';
import type { Reporter } from '#src/std/reporter.ts';
import type { QuorumMember } from '#src/topology/known-hosts.ts';
import type { StackAccess } from '../health.ts';
import type { HostDriver } from '../host-driver.ts';
import { askQuorum, neverUp, type OperatorAsk } from '../operator-api.ts';

const voteMs = 120_000;
const lookMs = 250;

export interface QuorumPlace {
  readonly access: StackAccess;
  readonly stackId: string;
  readonly reporter: Reporter;
  /** No host of this stack was ever seen healthy: its quorum may have to be founded. */
  readonly isNew: boolean;
}

/** Undefined when no agent reaches it. */
export async function readQuorum(access: StackAccess): Promise<readonly QuorumMember[] | undefined> {
  const answer = await askQuorum(access, { path: '/v1/quorum' }).catch(neverUp);
  if (answer === undefined || answer.status >= 400) return undefined;
  return (answer.body as { members: readonly QuorumMember[] }).members;
}

async function change(access: StackAccess, ask: OperatorAsk): Promise<unknown> {
  const answer = await askQuorum(access, ask);
  if (answer !== undefined && answer.status < 400) return answer.body;
  const { detail } = (answer?.body ?? {}) as { detail?: string };
  throw new TandemError('quorum-refused', detail ?? 'No agent reaches the quorum.', {
    hint: "'tandem status' shows how the quorum is; then run the command again.",
  });
}

export class Quorum {
  readonly #place: QuorumPlace;

  constructor(place: QuorumPlace) {
    this.#place = place;
  }

  get #spec(): Spec {
    return this.#place.access.spec;
  }

  /** Tells hosts without data how to begin, when there is no quorum yet. Called when all hosts are there and nothing is started; `later`: hosts that join it afterwards. */
  async found(later: ReadonlySet<string>): Promise<void> {
    const hosts = hostsWithRole(this.#spec, 'quorum').filter(({ name }) => !later.has(name));
    const lacking: HostSpec[] = [];
    await Promise.all(
      hosts.map(async (host) => {
        if (!(await hasData(this.#driver(host)))) lacking.push(host);
      }),
    );
    if (lacking.length === 0) return;
    if ((await readQuorum(this.#place.access)) !== undefined) return;
    if (!this.#place.isNew && lacking.length < hosts.length) {
      throw new TandemError(
        'quorum-silent',
        `The quorum does not answer, so ${lacking.map(({ name }) => name).join(' and ')} cannot join it.`,
        { hint: 'Bring its other members back first; then run the command again.' },
      );
    }
    const text = etcdBootstrap('new', this.#place.stackId, hosts);
    await Promise.all(lacking.map((host) => writeBootstrap(this.#driver(host), text)));
  }

  /** Before a host is begun with that is to be a member: makes room for it, and tells it whom it joins. */
  async admit(host: HostSpec): Promise<void> {
    const members = await readQuorum(this.#place.access);
    if (members === undefined) return;
    const own = members.find((member) => isAt(member, host));
    const driver = this.#driver(host);
    const data = await hasData(driver);
    if (own !== undefined && own.name !== '' && data) return;
    await this.#place.reporter.step(host.name, 'make room in the quorum', async () => {
      // A member that lost its data, or data of one that was taken out: neither can go on.
      if (own !== undefined && own.name !== '') await dismissMember(this.#place.access, own);
      if (data) await removeData(driver);
      const body = { peerUrl: etcdPeerUrl(host.address) };
      const answer = await change(this.#place.access, { method: 'POST', path: '/v1/quorum/members', body });
      const { members: now } = answer as { members: readonly QuorumMember[] };
      const named = now.map((member) => ({
        name: isAt(member, host) ? host.name : member.name,
        address: new URL(member.peerUrls[0] ?? '').hostname,
      }));
      await writeBootstrap(driver, etcdBootstrap('existing', this.#place.stackId, named));
    });
  }

  /** After its start: a vote, as soon as it has what the others have. */
  async giveVote(host: HostSpec): Promise<void> {
    const own = (await readQuorum(this.#place.access))?.find((member) => isAt(member, host));
    if (own === undefined || !own.isLearner) return;
    await this.#place.reporter.step(host.name, 'vote in the quorum', async () => {
      const deadline = performance.now() + voteMs;
      for (;;) {
        const ask = { method: 'PUT', path: `/v1/quorum/members/${own.id}/vote` };
        const answer = await askQuorum(this.#place.access, ask);
        if ((answer?.body as { votes?: boolean } | undefined)?.votes === true) return;
        if (performance.now() > deadline) throw this.#noVote(host);
        await sleep(lookMs);
      }
    });
  }

  /** Takes out every member that is none of `staying`. */
  async dismissOthers(staying: readonly HostSpec[]): Promise<void> {
    const { access, reporter } = this.#place;
    const members = await readQuorum(access);
    for (const member of members ?? []) {
      if (staying.some((host) => isAt(member, host))) continue;
      const name = member.name === '' ? (member.peerUrls[0] ?? '') : member.name;
      await reporter.step(name, 'leave the quorum', () => dismissMember(access, member));
    }
  }

  #driver({ name }: HostSpec): HostDriver {
    return this.#place.access.infrastructure.driver(name);
  }

  #noVote({ name }: HostSpec): TandemError {
    return new TandemError('quorum-behind', `${name}: etcd did not catch up with the others.`, {
      hint: `See 'tandem logs ${name} etcd'; then run the command again.`,
    });
  }
}

async function dismissMember(access: StackAccess, { id }: QuorumMember): Promise<void> {
  await change(access, { method: 'DELETE', path: `/v1/quorum/members/${id}` });
}

export function isAt({ peerUrls }: QuorumMember, { address }: { readonly address: string }): boolean {
  return peerUrls.includes(etcdPeerUrl(address));
}

async function hasData(driver: HostDriver): Promise<boolean> {
  return (await driver.run(['test', '-d', `${etcdPaths.dataDirectory}/member`])).code === 0;
}

/** etcd's own data of a member that was taken out: it can never be used again, and it is no data of the user's. */
export async function removeData(driver: HostDriver): Promise<void> {
  await driver.run(['rm', '-rf', `${etcdPaths.dataDirectory}/member`, etcdPaths.bootstrap]);
}

async function writeBootstrap(driver: HostDriver, text: string): Promise<void> {
  const { bootstrap } = etcdPaths;
  const script = 'umask 022 && cat >"$1.new" && mv -f "$1.new" "$1"';
  const { code, stderr } = await driver.run(['sh', '-c', script, 'sh', bootstrap], { input: text });
  if (code === 0) return;
  throw new TandemError('remote-failed', `${driver.host}: could not write ${bootstrap}.`, {
    issues: [{ path: driver.host, message: stderr.trim() }],
    hint: 'Put that right, then run the command again.',
  });
}
