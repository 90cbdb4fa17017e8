/** What turning something on does to a host that serves: the order of its steps. */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  configurationText,
  definitionText,
  fileIdentity,
  type ObservedHost,
  type ServiceStatus,
} from '#src/plan/observed.ts';
import { type HostPlan, planHost } from '#src/plan/plan.ts';
import { hostServices } from '#src/render/host-services.ts';
import type { Service } from '#src/render/service.ts';
import type { Spec } from '#src/spec/spec.ts';
import { fixedMaterial } from '#test/fixtures/material.ts';
import { hostNamed, referenceSpec } from '#test/fixtures/spec.ts';

const hash = (text: string) => createHash('sha256').update(text).digest('hex');

const servicesOf = (spec: Spec, name: string) =>
  hostServices({ spec, host: hostNamed(spec, name), material: fixedMaterial(spec) });

/** A host on which all of this runs. */
function runs(services: readonly Service[]): ObservedHost {
  return {
    exists: true,
    files: Object.fromEntries(
      services.flatMap(({ files }) => files.map((file) => [file.path, fileIdentity(file, hash)])),
    ),
    services: services.map(
      (service): ServiceStatus => ({
        name: service.name,
        state: service.kind === 'oneshot' ? 'done' : 'running',
        pid: null,
        sinceMs: 0,
        restarts: 0,
        definition: hash(definitionText(service)),
        configuration: hash(configurationText(service)),
        reason: null,
      }),
    ),
  };
}

function change(from: Spec, to: Spec, host: string): HostPlan {
  return planHost(host, servicesOf(to, host), runs(servicesOf(from, host)), hash);
}

const actions = ({ steps }: HostPlan) =>
  steps.flatMap((step) => (step.kind === 'service' ? [`${step.action} ${step.service}`] : []));

describe('monitoring turned on', () => {
  const off = referenceSpec({ monitoring: false });
  const on = referenceSpec({ monitoring: {} });

  it('opens the ways of what starts before it starts', () => {
    expect(actions(change(off, on, 'lb-1'))).toEqual([
      'reload firewall',
      'start node-exporter',
      'start alertmanager',
      'start prometheus',
      'restart agent',
      'restart dashboard',
    ]);
  });

  it('leaves alone what serves', () => {
    expect(actions(change(off, on, 'server-1'))).toEqual([
      'reload firewall',
      'start node-exporter',
      'start mysqld-exporter',
    ]);
  });

  it('and off again stops last', () => {
    expect(actions(change(on, off, 'server-1'))).toEqual([
      'reload firewall',
      'stop mysqld-exporter',
      'stop node-exporter',
    ]);
  });
});

it('plans nothing for a host on which all is as it should be', () => {
  const spec = referenceSpec();
  expect(change(spec, spec, 'lb-1').steps).toEqual([]);
});
