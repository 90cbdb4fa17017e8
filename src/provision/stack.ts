/** An opened stack: its file checked, its infrastructure known; what every command but `init` and `validate` starts from. */
import { access, readFile } from 'node:fs/promises';
import type { ClientIdentity } from '#src/adapters/agent-client.ts';
import type { Growth } from '#src/plan/growth.ts';
import type { HostPlan, Step } from '#src/plan/plan.ts';
import type { Material } from '#src/render/context.ts';
import type { Service } from '#src/render/service.ts';
import { isOnServers, type Spec } from '#src/spec/spec.ts';
import { TandemError } from '#src/std/errors.ts';
import type { DeployRequest } from './application/deploy.ts';
import { ApplicationStore, withCanary } from './application/record.ts';
import { planHosts } from './apply.ts';
import { type FileDiffs, readDiffs } from './file-diffs.ts';
import { planGrowth } from './growth/grow.ts';
import type { StackAccess } from './health.ts';
import type { Infrastructure } from './infrastructure.ts';
import { loadOrCreateMaterial, type MaterialOptions, readSchemaFile } from './material/material.ts';
import { materialPaths } from './material/paths.ts';
import { placeholderMaterial } from './material/placeholder.ts';
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

  private constructor(location: StackLocation, infrastructure: Infrastructure) {
    this.location = location;
    this.infrastructure = infrastructure;
  }

  /** Of the two kinds of infrastructure, only the stack's own is loaded. */
  static async open(location: StackLocation): Promise<Stack> {
    if (isOnServers(location.spec)) {
      const { SshInfrastructure } = await import('./ssh/infrastructure.ts');
      return new Stack(location, new SshInfrastructure(location));
    }
    const { LabInfrastructure } = await import('./lab/infrastructure.ts');
    return new Stack(location, new LabInfrastructure(location));
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

  /** Hosts that come and go with what the stack file says now; rejects what `up` would refuse without asking them. */
  growth(): Promise<Growth> {
    return planGrowth(this, this.location.stateDirectory);
  }

  /** What `up` would do on the stack file's hosts. A stack that was never up is planned with stand-ins for its secrets. */
  async plan(): Promise<readonly HostPlan[]> {
    const known = await access(materialPaths(this.location.stateDirectory).secrets).then(
      () => true,
      () => false,
    );
    const material = known ? await this.#material({ look: true }) : await this.#standIns();
    const { record } = known ? await this.application() : {};
    const services = await this.#services(withCanary(this.spec, record?.canary), material);
    const planned = await planHosts(hostWork(services, this.infrastructure));
    return planned.map(({ plan }) => plan);
  }

  /** By host: what a plan changes in files. */
  async diffs(plans: readonly HostPlan[]): Promise<ReadonlyMap<string, FileDiffs>> {
    const read = plans.map(
      async (plan) => [plan.host, await readDiffs(plan, this.driver(plan.host))] as const,
    );
    return new Map(await Promise.all(read));
  }

  /** What on the hosts is not as the stack file says, in sentences: edited there, or not applied yet. */
  async drift(): Promise<readonly string[]> {
    return (await this.plan()).flatMap(({ host, steps }) => steps.flatMap((step) => driftOf(host, step)));
  }

  application(): Promise<ApplicationStore> {
    return ApplicationStore.open({ access: this, stateDirectory: this.location.stateDirectory });
  }

  async #services(spec: Spec, material: Material): Promise<ReadonlyMap<string, readonly Service[]>> {
    return servicesByHost(spec, material, await this.infrastructure.releases());
  }

  /** Every host's services, as they follow from the stack file. As `material`, makes nothing. */
  async services(): Promise<ReadonlyMap<string, readonly Service[]>> {
    const material = await this.material();
    const { record } = await this.application();
    return this.#services(withCanary(this.spec, record?.canary), material);
  }

  /** What `deploy` and its kind work with. */
  async deployRequest(reporter: UpRequest['reporter']): Promise<DeployRequest> {
    const { stateDirectory, directory } = this.location;
    return {
      access: this,
      stateDirectory,
      directory,
      reporter,
      store: await this.application(),
      render: async (spec) => this.#services(spec, await this.#material()),
    };
  }

  /** Rejects when the stack was never up: looking at it makes no secrets. */
  async material(): Promise<Material> {
    await this.operator();
    return this.#material({ look: true });
  }

  #material(options: Pick<MaterialOptions, 'renew' | 'look'> = {}): Promise<Material> {
    const { spec, directory, stateDirectory } = this.location;
    return loadOrCreateMaterial(stateDirectory, spec, { specDirectory: directory, ...options });
  }

  async #standIns(): Promise<Material> {
    const { spec, directory } = this.location;
    return { ...placeholderMaterial(spec), schemaSql: await readSchemaFile(spec, directory) };
  }

  upRequest(
    reporter: UpRequest['reporter'],
    options: { readonly rotateCertificates?: boolean; readonly lost?: readonly string[] } = {},
  ): UpRequest {
    const { stateDirectory, directory } = this.location;
    return {
      spec: this.spec,
      stateDirectory,
      directory,
      operator: this.operator,
      caFile: this.caFile,
      infrastructure: this.infrastructure,
      loadMaterial: () => this.#material({ renew: options.rotateCertificates ?? false }),
      reporter,
      lost: options.lost ?? [],
      at: async (spec) => {
        const other = await Stack.open({ ...this.location, spec });
        return other.upRequest(reporter, { lost: options.lost ?? [] });
      },
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
