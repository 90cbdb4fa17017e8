/** The balancers' configuration brought to a spec, and nothing else of their hosts: for the share of a canary. */
import { sha256 } from '#src/adapters/sha256.ts';
import { planHost } from '#src/plan/plan.ts';
import type { Service } from '#src/render/service.ts';
import { hostsWithRole } from '#src/spec/spec.ts';
import type { Reporter } from '#src/std/reporter.ts';
import type { StackAccess } from '../health.ts';

/** `services`: of all hosts, rendered from the spec that shall hold. Reloads lose no request. */
export async function applyWeights(
  access: StackAccess,
  services: ReadonlyMap<string, readonly Service[]>,
  reporter: Reporter,
): Promise<void> {
  for (const { name } of hostsWithRole(access.spec, 'balancer')) {
    const driver = access.infrastructure.driver(name);
    const own = services.get(name) ?? [];
    const haproxy = own.find((service) => service.name === 'haproxy');
    const observed = await driver.observe(own);
    // A balancer that is switched off reads its configuration when `up` brings it back.
    if (haproxy === undefined || !observed.exists) continue;
    const plan = planHost(name, own, observed, sha256);
    const paths = new Set(haproxy.files.map(({ path }) => path));
    const files = plan.write.filter(({ path }) => paths.has(path));
    const step = plan.steps.find((each) => each.kind === 'service' && each.service === 'haproxy');
    const isRunning = observed.services.some(
      ({ name: own, state }) => own === 'haproxy' && state === 'running',
    );
    if (files.length === 0 && step === undefined) continue;
    await driver.validate([haproxy]);
    await driver.writeFiles(files, []);
    await driver.define(own);
    if (isRunning) await reporter.step(name, 'reload haproxy', () => driver.control('haproxy', 'reload'));
  }
}
