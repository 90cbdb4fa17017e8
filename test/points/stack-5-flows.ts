/** What a port scan of a stack must find: the flows of the plan, seen from a source. */
import type { Flow } from '#src/topology/flows.ts';

export interface Source {
  readonly name: string;
  /** Undefined: this machine, the operator. */
  readonly namespace: string | undefined;
}

export interface Target {
  readonly host: string;
  readonly address: string;
  readonly isFloating: boolean;
}

export function allowed(flows: readonly Flow[], source: Source, target: Target): readonly number[] {
  const isFrom = ({ from }: Flow) =>
    typeof from === 'string' ? from === 'any' || from === source.name : from.includes(source.name);
  const ports = flows
    .filter((flow) => flow.protocol === 'tcp' && flow.to === target.host && isFrom(flow))
    .flatMap(({ port }) => port ?? []);
  return [...new Set(ports)].sort((left, right) => left - right);
}

/**
 * What is wrong with what a scan found. A flow leads to its host's own address; by the floating address the public ones
 * must be open, and others may be, where the service listens on every address.
 */
export function difference(
  open: readonly number[],
  flows: readonly Flow[],
  source: Source,
  target: Target,
): string | undefined {
  const expected = allowed(flows, source, target);
  const required = target.isFloating
    ? allowed(
        flows.filter(({ from }) => from === 'any'),
        source,
        target,
      )
    : expected;
  const isRight =
    open.every((port) => expected.includes(port)) && required.every((port) => open.includes(port));
  if (isRight) return undefined;
  const list = (ports: readonly number[]) => ports.join(', ') || 'none';
  return `${source.name} → ${target.host} (${target.address}): open ${list(open)}; the plan says ${list(expected)}`;
}
