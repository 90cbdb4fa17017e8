/** What a host's plan means to those who use the stack, and the order in which hosts are changed. */
import type { HostPlan, Step } from './plan.ts';
import { type Leaders, servesRequests } from './upgrade.ts';

type ServiceStep = Extract<Step, { kind: 'service' }>;

function someStep({ steps }: HostPlan, matches: (step: ServiceStep) => boolean): boolean {
  return steps.some((step) => step.kind === 'service' && matches(step));
}

export function restartsDatabase(plan: HostPlan): boolean {
  return someStep(plan, ({ service, action }) => service === 'mariadb' && action === 'restart');
}

/** A primary's agent holds its lease, which may end before the new one is there: others would take that for a death. */
export function restartsAgent(plan: HostPlan): boolean {
  return someStep(plan, ({ service, action }) => service === 'agent' && action === 'restart');
}

export function restartsQuorum(plan: HostPlan): boolean {
  return someStep(plan, ({ service, action }) => service === 'etcd' && action === 'restart');
}

/**
 * Something that requests pass through on a web host ends, if only for a moment. Reloads count: nginx's old workers close
 * connections that a balancer may just be using, and the router's close sessions of the application.
 */
export function disturbsRequests(plan: HostPlan): boolean {
  return someStep(plan, ({ service, action }) => action !== 'start' && servesRequests(service));
}

const holdsAddress = (service: string) => service === 'haproxy' || service === 'keepalived';

/** The floating address would go, and not on purpose. Reloads keep it, and every connection. */
export function disturbsAddress(plan: HostPlan): boolean {
  return someStep(
    plan,
    ({ service, action }) => (action === 'restart' || action === 'stop') && holdsAddress(service),
  );
}

function changesBalancer(plan: HostPlan): boolean {
  return someStep(plan, ({ service, action }) => action !== 'start' && holdsAddress(service));
}

/** Replicas and idle balancers first, where what changes makes a difference; otherwise as they come. */
export function rollingOrder<Host extends { readonly plan: HostPlan }>(
  hosts: readonly Host[],
  { primary, balancer }: Leaders,
): readonly Host[] {
  const rank = ({ plan }: Host): number => {
    if (plan.host === primary && (restartsDatabase(plan) || restartsAgent(plan))) return 2;
    return plan.host === balancer && changesBalancer(plan) ? 1 : 0;
  };
  return hosts.toSorted((left, right) => rank(left) - rank(right));
}
