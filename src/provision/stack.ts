/** An opened stack: its file checked, its infrastructure known; what every command but `init` and `validate` starts from. */
import { access, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { ClientIdentity } from '#src/adapters/agent-client.ts';
import type { HostPlan, Step } from '#src/plan/plan.ts';
import type { Material } from '#src/render/context.ts';
import { isOnServers, type Spec } from '#src/spec/spec.ts';
import { TandemError } from '#src/std/errors.ts';
import { planHosts } from './apply.ts';
import type { StackAccess } from './health.ts';
import type { Infrastructure } from './infrastructure.ts';
import { LabInfrastructure } from './lab/infrastructure.ts';
import { loadOrCreateMaterial } from './material/material.ts';
import { materialPaths } from './material/paths.ts';
import { SshInfrastructure } from './ssh/infrastructure.ts';
import { hostWork, servicesByHost, type UpRequest } from './up.ts';

export interface StackLocation {
  readonly spec: Spec;
  /** The stack file. */
  readonly file: string;
  /** Directory that relative paths of the stack file start from. */
  readonly directory: string;
  /** Secrets, certificates and (lab) the hosts' files. */
  readonly stateDirectory: string;
}

export class Stack implements StackAccess {
  readonly location: StackLocation;
  readonly infrastructure: Infrastructure;

  constructor(location: StackLocation) {
    this.location = location;
    this.infrastructure = isOnServers(location.spec)
      ? new SshInfrastructure(location)
      : new LabInfrastructure(location);
  }

  get spec(): Spec {
    return this.location.spec;
  }

  get caFile(): string {
    return materialPaths(this.location.stateDirectory).ca;
  }

  readonly driver = (host: string) => this.infrastructure.driver(this.hostNamed(host).name);

  /** The host of that name; rejects an unknown one with the known names. */
  hostNamed(name: string) {
    const host = this.spec.hosts.find((candidate) => candidate.name === name);
    if (host !== undefined) return host;
    throw new TandemError('unknown-host', `There is no host '${name}' in this stack.`, {
      kind: 'input',
      hint: `Its hosts are: ${this.spec.hosts.map((candidate) => candidate.name).join(', ')}.`,
    });
  }

  readonly operator = async (): Promise<ClientIdentity> => {
    const paths = materialPaths(this.location.stateDirectory);
    const files = [paths.ca, paths.operator.certificate, paths.operator.key];
    try {
      const [ca = '', certificate = '', key = ''] = await Promise.all(
        files.map((file) => readFile(file, 'utf8')),
      );
      return { ca, certificate, key };
    } catch (cause) {
      throw new TandemError('not-up', `Stack '${this.spec.stack}' was never brought up from here.`, {
        hint: "Run 'tandem up' first.",
        cause,
      });
    }
  };

  /** Exit code of a program that runs inside a host with this terminal's input and output. */
  attach(host: string, command: readonly string[]): Promise<number> {
    return this.infrastructure.attach(this.hostNamed(host).name, command);
  }

  /** What `up` would do. A stack that was never up is compared with secrets made for the occasion. */
  async plan(): Promise<readonly HostPlan[]> {
    const { stateDirectory } = this.location;
    const known = await access(materialPaths(stateDirectory).secrets).then(
      () => true,
      () => false,
    );
    const directory = known ? stateDirectory : await mkdtemp(join(tmpdir(), 'tandem-plan-'));
    try {
      const releases = await this.infrastructure.releases();
      const services = servicesByHost(this.spec, await this.#material(directory), releases);
      const planned = await planHosts(hostWork(services, this.infrastructure));
      return planned.map(({ plan }) => plan);
    } finally {
      if (!known) await rm(directory, { recursive: true, force: true });
    }
  }

  /** What on the hosts is not as the stack file says, in sentences: edited there, or not applied yet. */
  async drift(): Promise<readonly string[]> {
    return (await this.plan()).flatMap(({ host, steps }) => steps.flatMap((step) => driftOf(host, step)));
  }

  async #material(stateDirectory: string): Promise<Material> {
    const { spec, directory } = this.location;
    const { schemaFile } = spec.database;
    return {
      ...(await loadOrCreateMaterial(stateDirectory, spec, { specDirectory: directory })),
      schemaSql:
        schemaFile === undefined ? undefined : await readFile(resolve(directory, schemaFile), 'utf8'),
    };
  }

  upRequest(reporter: UpRequest['reporter']): UpRequest {
    return {
      spec: this.spec,
      operator: this.operator,
      caFile: this.caFile,
      infrastructure: this.infrastructure,
      loadMaterial: () => this.#material(this.location.stateDirectory),
      reporter,
    };
  }
}

function driftOf(host: string, step: Step): readonly string[] {
  switch (step.kind) {
    case 'create-host':
      return [`${host}: is not there yet`];
    case 'prepare':
      return [`${host}: lacks something (${step.what})`];
    case 'file':
      return [`${host}: ${step.path} ${fileDrift[step.change]}`];
    case 'service':
      return [`${host}: ${step.service}: ${step.reason}`];
    default:
      return step satisfies never;
  }
}

const fileDrift = { new: 'is missing', changed: 'differs', removed: 'does not belong there' } as const;
