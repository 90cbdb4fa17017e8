/**
 * `tandem up`: from a checked stack file to a stack that is healthy. Every step can be repeated, so an interrupted run
 * is mended by the next one; a run that finds nothing to do changes nothing.
 */
import type { Material } from '#src/render/context.ts';
import { hostServices } from '#src/render/host-services.ts';
import type { Service } from '#src/render/service.ts';
import { hostsWithRole, type Spec } from '#src/spec/spec.ts';
import type { Reporter } from '#src/std/reporter.ts';
import { endDrains, openApplication } from './application/open.ts';
import { withCanary } from './application/record.ts';
import { applyPlans, type HostWork, isUnchanged, planHosts } from './apply.ts';
import { gatesOf } from './gates.ts';
import { type Converge, grow } from './growth/grow.ts';
import { Quorum } from './growth/quorum.ts';
import { readStatus, type StackAccess, waitHealthy } from './health.ts';
import type { Infrastructure, ReleaseHashes } from './infrastructure.ts';
import type { StackStatus } from './status.ts';

export interface UpRequest extends StackAccess {
  readonly stateDirectory: string;
  /** Directory that relative paths of the stack file start from. */
  readonly directory: string;
  readonly infrastructure: Infrastructure;
  readonly loadMaterial: () => Promise<Material>;
  readonly reporter: Reporter;
  /** Hosts that were taken out of the stack file and are gone for good: nothing is asked of them. */
  readonly lost: readonly string[];
  /** The same for another stack of that name: one on the way to what the stack file says. */
  readonly at: (spec: Spec) => Promise<UpRequest>;
}

export interface UpOutcome {
  readonly changed: boolean;
  readonly status: StackStatus;
}

/** A first start may have to clone a database; a change only waits for reloads and restarts. */
const healthyTimeoutMs = 120_000;
/** How the explanation of a member begins while a copy goes on (src/agent/database/concern.ts). */
const copyingPrefix = 'copying from';

export function servicesByHost(
  spec: Spec,
  material: Material,
  releases: ReleaseHashes | undefined,
): ReadonlyMap<string, readonly Service[]> {
  const shipped = releases === undefined ? {} : { releases };
  return new Map(spec.hosts.map((host) => [host.name, hostServices({ spec, host, material, ...shipped })]));
}

export function hostWork(
  services: ReadonlyMap<string, readonly Service[]>,
  infrastructure: Infrastructure,
): readonly HostWork[] {
  return [...services].map(([host, list]) => ({ driver: infrastructure.driver(host), services: list }));
}

export function up(request: UpRequest): Promise<UpOutcome> {
  return grow(request, converge);
}

const converge: Converge = async (request, { later, isNew }) => {
  const { infrastructure, reporter } = request;
  const material = await request.loadMaterial();
  const application = await openApplication(request);
  await endDrains(request, reporter);
  const spec = withCanary(request.spec, application.record.canary);
  const services = servicesByHost(spec, material, await infrastructure.releases());
  await infrastructure.installPackages([...services.values()].flat(), reporter);
  const planned = await planHosts(hostWork(services, infrastructure));
  if (isUnchanged(planned)) {
    await application.install();
    await application.share();
    const status = await readStatus(request);
    return { changed: false, status: status.healthy ? status : await settle(request) };
  }
  await infrastructure.prepare();
  const quorum = new Quorum({ access: request, stackId: material.stackId, reporter, isNew });
  const member = (name: string) =>
    hostsWithRole(spec, 'quorum').filter(
      (host) => host.name === name && host.transit?.leaving.includes('quorum') !== true,
    );
  const arrivals = {
    names: later,
    before: async (name: string) => void (await Promise.all(member(name).map((host) => quorum.admit(host)))),
    after: async (name: string) =>
      void (await Promise.all(member(name).map((host) => quorum.giveVote(host)))),
  };
  await applyPlans(planned, reporter, { ...gatesOf(request, reporter), arrivals }, async () => {
    await quorum.found(later);
    await application.install();
  });
  await infrastructure.finish(reporter);
  const status = await settle(request);
  await application.share();
  return { changed: true, status };
};

function settle(request: UpRequest): Promise<StackStatus> {
  return request.reporter.step('', 'every tier healthy', async () => {
    for (;;) {
      try {
        return await waitHealthy(request, healthyTimeoutMs);
      } catch (error) {
        // A large database takes its time; whether the copy goes on is its agent's to judge.
        const { members } = (await readStatus(request)).database;
        if (!members.some(({ explanation }) => explanation.startsWith(copyingPrefix))) throw error;
      }
    }
  });
}
