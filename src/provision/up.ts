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
import { readStatus, type StackAccess, waitHealthy } from './health.ts';
import type { HostDriver } from './host-driver.ts';
import { installPackages } from './packages/install.ts';
import { checkPrimaryStays } from './primary-stays.ts';
import type { StackStatus } from './status.ts';

/** Where a stack's hosts come from: the lab on this machine, or servers over SSH. */
export interface Infrastructure {
  /** Checks what must hold before anything is changed; rejects with all problems at once. */
  preflight(): Promise<void>;
  /** What the hosts have in common, such as the lab's bridge. Idempotent. */
  prepare(): Promise<void>;
  driver(host: string): HostDriver;
}

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

export function servicesByHost(spec: Spec, material: Material): ReadonlyMap<string, readonly Service[]> {
  return new Map(spec.hosts.map((host) => [host.name, hostServices({ spec, host, material })]));
}

export function hostWork(
  services: ReadonlyMap<string, readonly Service[]>,
  infrastructure: Infrastructure,
): readonly HostWork[] {
  return [...services].map(([host, list]) => ({ driver: infrastructure.driver(host), services: list }));
}

export async function up(request: UpRequest): Promise<UpOutcome> {
  const { spec, infrastructure, reporter } = request;
  await infrastructure.preflight();
  const material = await request.loadMaterial();
  const application = await openApplication(request);
  await endDrains(request, reporter);
  const services = servicesByHost(withCanary(spec, application.record.canary), material);
  const packages = [...new Set([...services.values()].flat().flatMap((service) => service.packages))];
  await installPackages(packages, reporter);
  const planned = await planHosts(hostWork(services, infrastructure));
  if (isUnchanged(planned)) {
    await application.install();
    await application.share();
    const status = await readStatus(request);
    return { changed: false, status: status.healthy ? status : await settle(request) };
  }
  const living = planned.filter(({ plan }) => plan.steps.every(({ kind }) => kind !== 'create-host'));
  const names = new Set(living.map(({ driver }) => driver.host));
  await checkPrimaryStays(spec, names, request.operator);
  await infrastructure.prepare();
  const settled = async (host: string) => {
    await reporter.step(host, 'healthy again', () => waitHealthy(request, healthyTimeoutMs));
  };
  await applyPlans(planned, reporter, settled, application.install);
  const status = await settle(request);
  await application.share();
  return { changed: true, status };
}

function settle(request: UpRequest): Promise<StackStatus> {
  return request.reporter.step('', 'every tier healthy', () => waitHealthy(request, healthyTimeoutMs));
}

export type { PlannedHost };
