/**
 * `tandem up`: from a checked stack file to a stack that is healthy. Every step can be repeated, so an interrupted run
 * is mended by the next one; a run that finds nothing to do changes nothing.
 */
import type { Material } from '#src/render/context.ts';
import { hostServices } from '#src/render/host-services.ts';
import type { Service } from '#src/render/service.ts';
import type { Spec } from '#src/spec/spec.ts';
import type { Reporter } from '#src/std/reporter.ts';
import { endDrains, openApplication } from './application/open.ts';
import { withCanary } from './application/record.ts';
import { applyPlans, type HostWork, isUnchanged, type PlannedHost, planHosts } from './apply.ts';
import { gatesOf } from './gates.ts';
import { readStatus, type StackAccess, waitHealthy } from './health.ts';
import type { Infrastructure, ReleaseHashes } from './infrastructure.ts';
import { checkPrimaryStays } from './primary-stays.ts';
import type { StackStatus } from './status.ts';

export interface UpRequest extends StackAccess {
  readonly stateDirectory: string;
  /** Directory that relative paths of the stack file start from. */
  readonly directory: string;
  readonly infrastructure: Infrastructure;
  readonly loadMaterial: () => Promise<Material>;
  readonly reporter: Reporter;
}

export interface UpOutcome {
  readonly changed: boolean;
  readonly status: StackStatus;
}

/** A first start may have to clone a database; a change only waits for reloads and restarts. */
const healthyTimeoutMs = 120_000;

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

export async function up(request: UpRequest): Promise<UpOutcome> {
  const { infrastructure, reporter } = request;
  await infrastructure.preflight();
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
  const living = planned.filter(({ plan }) => plan.steps.every(({ kind }) => kind !== 'create-host'));
  const names = new Set(living.map(({ driver }) => driver.host));
  await checkPrimaryStays(request, names);
  await infrastructure.prepare();
  await applyPlans(planned, reporter, gatesOf(request, reporter), application.install);
  await infrastructure.finish(reporter);
  const status = await settle(request);
  await application.share();
  return { changed: true, status };
}

function settle(request: UpRequest): Promise<StackStatus> {
  return request.reporter.step('', 'every tier healthy', () => waitHealthy(request, healthyTimeoutMs));
}

export type { PlannedHost };
