/**
 * Is the stack healthy? Asked of the hosts' runners (services), their agents (balancer, database, quorum) and of the
 * site itself, through its floating address.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type ClientIdentity, fetchAgentStatus, throughSocket } from '#src/adapters/agent-client.ts';
import type { ServiceStatus } from '#src/plan/observed.ts';
import { hostsWithRole, type Spec } from '#src/spec/spec.ts';
import { TandemError } from '#src/std/errors.ts';
import type { AgentStatus } from '#src/topology/agent-api.ts';
import { siteUrl } from '#src/topology/site.ts';
import type { Infrastructure } from './infrastructure.ts';
import type { DatabaseStatus, HostStatus, StackStatus } from './status.ts';

/** What is needed to ask a running stack. */
export interface StackAccess {
  readonly spec: Spec;
  readonly infrastructure: Pick<Infrastructure, 'agent' | 'driver' | 'site'>;
  /** The operator's identity for the agents' API, PEM. */
  readonly operator: () => Promise<ClientIdentity>;
  /** File with the authority that signed the site's certificate. */
  readonly caFile: string;
}

interface HostView {
  readonly name: string;
  readonly services: readonly ServiceStatus[];
  /** Undefined when the agent did not answer. */
  readonly agent: AgentStatus | undefined;
}

export async function readStatus(access: StackAccess): Promise<StackStatus> {
  return (await look(access)).status;
}

interface Look {
  readonly status: StackStatus;
  /** Problems that waiting does not solve: somebody has to act. */
  readonly refusals: readonly string[];
}

async function look(access: StackAccess): Promise<Look> {
  const { spec } = access;
  const identity = await access.operator();
  const [views, siteProblem] = await Promise.all([
    Promise.all(spec.hosts.map((host) => viewHost(access, host.name, identity))),
    askSite(access, identity.ca),
  ]);
  const problems = [
    ...views.flatMap(serviceProblems),
    ...views.flatMap(quorumProblems),
    ...balancerProblems(spec, views),
    ...views.flatMap(drainProblems),
    ...databaseProblems(spec, views),
    ...(siteProblem === undefined ? [] : [siteProblem]),
  ];
  const status: StackStatus = {
    stack: spec.stack,
    healthy: problems.length === 0,
    site: { url: siteUrl(spec), address: spec.site.addresses[0], caFile: access.caFile },
    hosts: spec.hosts.map(
      (host, index): HostStatus => ({
        name: host.name,
        address: host.address,
        roles: host.roles,
        services: (views[index]?.services ?? []).map(({ name, state, pid, sinceMs }) => ({
          name,
          state,
          pid,
          sinceMs,
        })),
      }),
    ),
    balancer: { active: activeBalancer(views) },
    database: databaseStatus(spec, views),
    problems,
    warnings: views.flatMap(({ name, agent }) => (agent?.warnings ?? []).map((each) => `${name}: ${each}`)),
  };
  return { status, refusals: views.flatMap(refusal) };
}

/** What a problem is about: the host that it names, or the whole sentence. */
export function subjectOf(problem: string): string {
  return /^([a-z][a-z0-9-]*): /.exec(problem)?.[1] ?? problem;
}

/**
 * Polls until the stack is healthy; otherwise rejects with what is still wrong. `known`: subjects that had problems before
 * and may go on having them, as in a stack that was never up whole.
 */
export async function waitHealthy(
  access: StackAccess,
  timeoutMs: number,
  known: ReadonlySet<string> = new Set(),
): Promise<StackStatus> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const { status, refusals } = await look(access);
    if (status.problems.every((problem) => known.has(subjectOf(problem)))) return status;
    if (refusals.length > 0 || performance.now() > deadline) {
      const when = refusals.length > 0 ? 'and waiting will not help' : `after ${timeoutMs / 1_000} s`;
      throw new TandemError('not-healthy', `The stack is not healthy, ${when}.`, {
        issues: (refusals.length > 0 ? refusals : status.problems).map((message) => ({
          path: spec(access),
          message,
        })),
        hint: "See 'tandem status' and 'tandem logs HOST SERVICE'; 'tandem up' tries again.",
      });
    }
    await sleep(100);
  }
}

const spec = (access: StackAccess): string => access.spec.stack;

async function viewHost(access: StackAccess, name: string, identity: ClientIdentity): Promise<HostView> {
  const { infrastructure } = access;
  const [observed, agent] = await Promise.all([
    infrastructure
      .driver(name)
      .services()
      .catch(() => []),
    infrastructure
      .agent(name)
      // The way through ssh is the longer one.
      .then((endpoint) =>
        fetchAgentStatus(endpoint, identity, endpoint.socketPath === undefined ? 2_000 : 5_000),
      )
      .catch(() => undefined),
  ]);
  return { name, services: observed, agent };
}

function serviceProblems({ name, services, agent }: HostView): readonly string[] {
  if (services.length === 0) return [`${name}: no supervisor answers; 'tandem up' brings the host back`];
  const broken = services
    .filter((service) => service.state !== 'running' && service.state !== 'done')
    .map(
      (service) =>
        `${name}: ${service.name} is ${service.state}${service.reason === null ? '' : ` (${service.reason})`}`,
    );
  return [
    ...broken,
    ...(agent === undefined ? [`${name}: the agent does not answer; see 'tandem logs ${name} agent'`] : []),
  ];
}

function quorumProblems({ name, agent }: HostView): readonly string[] {
  if (agent === undefined || agent.quorum.reachable) return [];
  return [`${name}: the quorum does not answer its agent; see 'tandem logs' of etcd's hosts`];
}

function refusal({ name, agent }: HostView): readonly string[] {
  return agent?.database?.refuses === true ? [`${name}: ${agent.database.explanation}`] : [];
}

function holders(views: readonly HostView[]): readonly string[] {
  return views
    .filter((view) => (view.agent?.balancer?.heldAddresses.length ?? 0) > 0)
    .map((view) => view.name);
}

function activeBalancer(views: readonly HostView[]): string | null {
  const held = holders(views);
  return held.length === 1 ? (held[0] ?? null) : null;
}

function balancerProblems(stack: Spec, views: readonly HostView[]): readonly string[] {
  return stack.site.addresses.flatMap((address) => {
    const held = views
      .filter((view) => view.agent?.balancer?.heldAddresses.includes(address))
      .map((view) => view.name);
    if (held.length === 1) return [];
    return [
      held.length === 0 ? `no balancer holds ${address}` : `${held.join(' and ')} both hold ${address}`,
    ];
  });
}

const atWork = "a change is at work, or was interrupted ('tandem up' ends that)";

function drainProblems({ name, agent }: HostView): readonly string[] {
  const drained = (agent?.balancer?.drained ?? []).map(
    (host) => `${name}: its HAProxy sends ${host} no requests: ${atWork}`,
  );
  if (agent?.balancer?.standsBack !== true) return drained;
  return [...drained, `${name}: leaves the floating address to other balancers: ${atWork}`];
}

function databaseStatus(stack: Spec, views: readonly HostView[]): DatabaseStatus {
  const members = hostsWithRole(stack, 'database').map((host) => {
    const agent = views.find((view) => view.name === host.name)?.agent;
    return { host: host.name, seen: agent?.database, reachesQuorum: agent?.quorum.reachable === true };
  });
  const epochs = members.flatMap(({ seen }) => (seen?.epoch == null ? [] : [seen.epoch]));
  const epoch = epochs.length === 0 ? null : Math.max(...epochs);
  // A member that is cut off may still take itself for the primary of an older epoch.
  const primary = members.find(({ seen }) => seen?.role === 'primary' && seen.epoch === epoch);
  const witnesses = members.filter(({ seen }) => seen !== undefined && seen.epoch === epoch);
  const witness = primary ?? witnesses[0];
  // Without the quorum an agent tells what held when it was last there.
  const judge = primary?.reachesQuorum === true ? primary : witnesses.find((each) => each.reachesQuorum);
  return {
    primary: primary?.host ?? null,
    epoch,
    sinceMs: witness?.seen?.sinceMs ?? null,
    members: members.map(({ host, seen }) => ({
      host,
      role: seen?.role ?? 'unknown',
      sync: seen?.sync ?? false,
      lagSeconds: seen?.lagSeconds ?? null,
      received: seen?.received ?? null,
      explanation: seen?.explanation ?? 'its agent does not answer',
    })),
    failover:
      judge?.seen === undefined
        ? { known: false, possible: false, reason: unknownFailover(witness !== undefined) }
        : { known: true, ...judge.seen.failover },
  };
}

const unknownFailover = (answers: boolean): string =>
  answers ? "the quorum does not answer the database hosts' agents" : 'no agent of a database host answers';

function databaseProblems(stack: Spec, views: readonly HostView[]): readonly string[] {
  return hostsWithRole(stack, 'database').flatMap((host) => {
    const member = views.find((view) => view.name === host.name)?.agent?.database;
    if (member === undefined) return [`${host.name}: nothing is known of its database`];
    if (!member.ready) return [`${host.name}: ${member.explanation}`];
    return member.pending === undefined ? [] : [`${host.name}: ${member.pending}`];
  });
}

/** One request through the floating address; undefined when it was answered as it should. */
async function askSite(
  { spec: stack, infrastructure }: StackAccess,
  ca: string,
): Promise<string | undefined> {
  const url = new URL(stack.web.app.healthPath, siteUrl(stack));
  let way: Awaited<ReturnType<typeof throughSocket>>;
  try {
    way = await throughSocket(await infrastructure.site(), url.hostname);
  } catch (error) {
    return `${url.href}: ${(error as Error).message}`;
  }
  const { request } = await import('node:https');
  return new Promise((resolve) => {
    // The internal authority signs for the domain; a user's own certificate is checked when it is loaded.
    const trust = stack.site.certificate === 'internal' ? { ca } : { rejectUnauthorized: false };
    const outgoing = request(url, { ...trust, ...way, agent: false, timeout: 2_000 }, (incoming) => {
      incoming.resume();
      incoming.on('end', () =>
        resolve(incoming.statusCode === 200 ? undefined : `${url.href} answers ${incoming.statusCode}`),
      );
    });
    outgoing.on('timeout', () => outgoing.destroy(new Error('no answer within 2 s')));
    outgoing.on('error', (error) => resolve(`${url.href}: ${error.message}`));
    outgoing.end();
  });
}
