/**
 * Desired against observed: the ordered steps that bring one host to where the stack file wants it. An unchanged host
 * has no steps, so that nothing of it is touched.
 */
import type { RenderedFile, Service } from '#src/render/service.ts';
import {
  configurationText,
  definitionText,
  fileIdentity,
  type Hash,
  type ObservedHost,
  type ServiceStatus,
} from './observed.ts';

export type FileChange = 'new' | 'changed' | 'removed';

export type Step =
  | { readonly kind: 'create-host' }
  /** Put what is missing on the host; nothing that runs notices. */
  | { readonly kind: 'prepare'; readonly what: string }
  | {
      readonly kind: 'file';
      readonly path: string;
      readonly change: FileChange;
      readonly secret: boolean;
      /** Whose file it is; null for one that is no longer anybody's. */
      readonly service: string | null;
    }
  | {
      readonly kind: 'service';
      readonly action: 'start' | 'restart' | 'reload' | 'stop';
      readonly service: string;
      /** Why, for the person who reads the plan: "not running", "nginx.conf changed". */
      readonly reason: string;
    };

export interface HostPlan {
  readonly host: string;
  readonly steps: readonly Step[];
  readonly write: readonly RenderedFile[];
  readonly remove: readonly string[];
}

export function planHost(
  host: string,
  desired: readonly Service[],
  observed: ObservedHost,
  hash: Hash,
): HostPlan {
  const files = desired.flatMap(({ name, files: own }) => own.map((file) => ({ file, service: name })));
  const changed = files.filter(({ file }) => observed.files[file.path] !== fileIdentity(file, hash));
  const wanted = new Set(files.map(({ file }) => file.path));
  const remove = Object.keys(observed.files)
    .filter((path) => !wanted.has(path))
    .sort();
  const fileSteps: Step[] = [
    ...changed.map(({ file: { path, secret = false }, service }): Step => {
      const change = observed.files[path] === undefined ? 'new' : 'changed';
      return { kind: 'file', path, change, secret, service };
    }),
    ...remove.map((path): Step => ({ kind: 'file', path, change: 'removed', secret: false, service: null })),
  ];
  return {
    host,
    steps: [
      ...(observed.exists ? [] : [{ kind: 'create-host' } as const]),
      ...(observed.lacks ?? []).map((what) => ({ kind: 'prepare', what }) as const),
      ...fileSteps,
      ...serviceSteps(desired, observed, hash),
    ],
    write: changed.map(({ file }) => file),
    remove,
  };
}

/**
 * The host's own state (the firewall's rules) is first: what starts must find its ways open. Then starts come before
 * changes and stops last, so that what depends on a service (nginx on the application's processes) is reloaded while
 * both the old and the new ones run.
 */
function serviceSteps(desired: readonly Service[], observed: ObservedHost, hash: Hash): readonly Step[] {
  const statuses = new Map(observed.services.map((status) => [status.name, status]));
  const actions = desired.flatMap((service) => {
    const step = serviceStep(service, statuses.get(service.name), hash);
    return step === undefined ? [] : [step];
  });
  const names = new Set(desired.map((service) => service.name));
  const stops = observed.services
    .filter((status) => !names.has(status.name))
    .map((status) => step('stop', status.name, 'no longer part of the stack file'))
    .reverse();
  const states = new Set(desired.filter(({ kind }) => kind === 'oneshot').map(({ name }) => name));
  const first = actions.filter(({ action, service }) => action !== 'start' && states.has(service));
  const of = (action: string) =>
    actions.filter((candidate) => candidate.action === action && !first.includes(candidate));
  return [...first, ...of('start'), ...of('restart'), ...of('reload'), ...stops];
}

type ServiceStep = Extract<Step, { kind: 'service' }>;

function step(action: ServiceStep['action'], service: string, reason: string): ServiceStep {
  return { kind: 'service', action, service, reason };
}

function serviceStep(
  service: Service,
  status: ServiceStatus | undefined,
  hash: Hash,
): ServiceStep | undefined {
  const stopped = status === undefined || status.state === 'stopped' || status.state === 'failed';
  if (stopped) {
    // Only the host's agent knows whether and how such a service may start.
    if (service.startedBy === 'agent') return undefined;
    return step('start', service.name, status?.reason ?? 'not running');
  }
  if (status.definition !== null && status.definition !== hash(definitionText(service))) {
    return step('restart', service.name, 'its command, environment or files changed');
  }
  if (status.configuration !== null && status.configuration !== hash(configurationText(service))) {
    const action = service.reload === undefined ? 'restart' : 'reload';
    return step(action, service.name, 'its configuration changed');
  }
  return undefined;
}
