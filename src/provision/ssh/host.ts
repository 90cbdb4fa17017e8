/** A server behind the port that `up` works through: systemd runs the services, OpenSSH carries everything. */
import { createReadStream, readFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256 } from '#src/adapters/sha256.ts';
import {
  configurationText,
  definitionText,
  type ObservedHost,
  type ServiceStatus,
} from '#src/plan/observed.ts';
import type { RenderedFile, Service } from '#src/render/service.ts';
import { definedDirectory, unitDirectory, unitName } from '#src/render/systemd.ts';
import { type Issue, TandemError } from '#src/std/errors.ts';
import { hostPaths } from '#src/topology/paths.ts';
import type { CommandResult, HostDriver, ServiceAction } from '../host-driver.ts';
import type { SshClient } from './client.ts';
import { removeCommand, writeCommand, writeInput } from './files.ts';
import {
  observeCommand,
  observeServicesCommand,
  parseObservation,
  type ServerObservation,
} from './observe.ts';
import type { Layer, Release } from './release.ts';

const script = (name: string) => readFileSync(join(import.meta.dirname, name), 'utf8');
const scripts = {
  activate: script('activate.sh'),
  control: script('control.sh'),
  packages: script('packages.sh'),
  remember: script('remember.sh'),
  restore: script('restore.sh'),
  unpack: script('unpack.sh'),
  install: readFileSync(join(import.meta.dirname, '../packages/install.sh'), 'utf8'),
};

const stage = `${hostPaths.data}/stage`;
const packagesTimeoutMs = 1_800_000;
const shipTimeoutMs = 1_800_000;
const controlTimeoutMs = 360_000;

/** What a server is told and asked about the stack as a whole. */
export interface ServerContext {
  /** What the stack's servers are shipped; described once for all of them. */
  readonly release: () => Promise<Release>;
  /** The layer as a compressed archive; each is packed once for all of them. */
  readonly packed: (layer: Layer) => Promise<string>;
  /** Content of the file that says whose server it is. */
  readonly marker: () => Promise<string>;
  /** Called with what was sent, in bytes. */
  readonly shipped: (bytes: number) => void;
}

/** Whose server it is: JSON {stack, stackId, host}. */
export const markerFile = `${hostPaths.data}/host/stack.json`;

export class SshHost implements HostDriver {
  readonly host: string;
  readonly client: SshClient;
  readonly #context: ServerContext;

  constructor(client: SshClient, context: ServerContext) {
    this.host = client.target.host;
    this.client = client;
    this.#context = context;
  }

  async observe(services: readonly Service[]): Promise<ObservedHost> {
    const [seen, release] = await Promise.all([this.#look(services), this.#context.release()]);
    const { files, releases } = seen;
    const missingPackages = missingOf(services, seen);
    const stale = (Object.keys(release.shown) as (keyof Release['shown'])[]).filter(
      (name) => releases[name] !== release.shown[name],
    );
    const lacks = [
      ...(missingPackages.length === 0 ? [] : [`install ${missingPackages.join(', ')}`]),
      ...stale.map((name) => `ship ${release.shown[name]}`),
    ];
    return { exists: releases.code !== undefined, files, services: seen.services, lacks };
  }

  async services(): Promise<readonly ServiceStatus[]> {
    const { stdout } = await this.client.run(observeServicesCommand);
    return parseObservation(stdout).services;
  }

  async #look(services: readonly Service[]): Promise<ServerObservation> {
    const text = await this.client.expect('look at the server', observeCommand, {
      input: packagesOf(services).join('\n'),
    });
    return parseObservation(text);
  }

  /** Packages, and the layers of the release that it doesn't have: nothing that runs is touched by either. */
  async prepare(services: readonly Service[]): Promise<void> {
    const missing = missingOf(services, await this.#look(services));
    await this.writeFiles(
      [
        {
          path: markerFile,
          content: await this.#context.marker(),
          mode: 0o600,
          owner: 'root',
          onChange: 'none',
        },
      ],
      [],
    );
    await Promise.all([this.#install(missing), this.#ship()]);
  }

  async #install(missing: readonly string[]): Promise<void> {
    if (missing.length === 0) return;
    await this.client.expect(
      `install ${missing.join(', ')}`,
      ['sh', '-c', scripts.packages, 'sh', ...missing],
      { input: scripts.install, timeoutMs: packagesTimeoutMs },
    );
  }

  async #ship(): Promise<void> {
    const { layers } = await this.#context.release();
    const { stdout } = await this.client.run(['ls', '/opt/tandem/releases']);
    const there = new Set(stdout.split('\n'));
    for (const layer of layers.filter(({ name }) => !there.has(name))) await this.#shipLayer(layer);
  }

  async #shipLayer(layer: Layer): Promise<void> {
    const archive = await this.#context.packed(layer);
    const links = Object.entries(layer.links).flat();
    await this.client.expect(
      `unpack ${layer.name}`,
      ['sh', '-c', scripts.unpack, 'sh', layer.name, ...links],
      { input: createReadStream(archive), timeoutMs: shipTimeoutMs },
    );
    this.#context.shipped((await stat(archive)).size);
  }

  async validate(services: readonly Service[]): Promise<void> {
    const checked = services.filter((service) => service.validate !== undefined);
    if (checked.length === 0) return;
    const files = services.flatMap((service) => service.files).filter(({ path }) => isConfiguration(path));
    await this.#removeStage();
    try {
      await this.client.expect('write files to be checked', writeCommand, {
        input: writeInput(files.map((file) => ({ ...file, path: staged(file.path) }))),
      });
      await this.client.expect('make directories', ['sh', '-c', makeDirectories(services)]);
      const issues = (await Promise.all(checked.map((service) => this.#check(service)))).flat();
      if (issues.length === 0) return;
      throw new TandemError(
        'configuration-refused',
        `${this.host}: a program refuses its new configuration. Nothing was changed.`,
        {
          issues,
          hint: 'See what the program says; settings of your own in the stack file are the likely cause.',
        },
      );
    } finally {
      await this.#removeStage();
    }
  }

  async #check(service: Service): Promise<readonly Issue[]> {
    const inner = 'mount --bind "$1" /etc/tandem && shift && exec "$@"';
    const { code, stdout, stderr } = await this.client.run([
      'unshare',
      '--mount',
      'sh',
      '-c',
      inner,
      'sh',
      stage,
      ...(service.validate ?? []),
    ]);
    if (code === 0) return [];
    const last = `${stdout}\n${stderr}`.split('\n').filter(Boolean).slice(-5).join('; ');
    return [{ path: `${this.host}/${service.name}`, message: last || `the check ended with code ${code}` }];
  }

  async #removeStage(): Promise<void> {
    await this.client.run(['rm', '-rf', stage]);
  }

  async writeFiles(files: readonly RenderedFile[], remove: readonly string[]): Promise<void> {
    if (files.length > 0) await this.client.expect('write files', writeCommand, { input: writeInput(files) });
    if (remove.length > 0) await this.client.expect('remove files', removeCommand(remove));
    if (remove.some((path) => !isConfiguration(path)))
      await this.client.expect('reload systemd', ['systemctl', 'daemon-reload']);
  }

  /** Also shows the release's layers from now on: what starts after this is made of them. */
  async define(services: readonly Service[]): Promise<void> {
    const { shown } = await this.#context.release();
    const release = Object.entries(shown).flat();
    await this.client.expect('show the release', ['sh', '-c', scripts.activate, 'sh', ...release]);
    const note = (service: Service, kind: string, text: string): RenderedFile => ({
      path: `${definedDirectory}/${service.name}.${kind}`,
      content: `${sha256(text)}\n`,
      mode: 0o644,
      owner: 'root',
      onChange: 'none',
    });
    await this.writeFiles(
      services.flatMap((service) => [
        note(service, 'definition', definitionText(service)),
        note(service, 'configuration', configurationText(service)),
      ]),
      [],
    );
    const enabled = services
      .filter(({ startedBy }) => startedBy === 'always')
      .map(({ name }) => unitName(name));
    const load = 'systemctl daemon-reload && systemctl enable --quiet "$@"';
    await this.client.expect('hand the units to systemd', ['sh', '-c', load, 'sh', ...enabled]);
  }

  async remember(): Promise<void> {
    await this.client.expect('keep what is there', ['sh', '-c', scripts.remember]);
  }

  async restore(): Promise<void> {
    await this.client.expect('put back what was there', ['sh', '-c', scripts.restore], {
      timeoutMs: controlTimeoutMs,
    });
  }

  async control(service: string, action: ServiceAction): Promise<void> {
    const { code, stdout, stderr } = await this.client.run(
      ['sh', '-c', scripts.control, 'sh', action, unitName(service)],
      { timeoutMs: controlTimeoutMs },
    );
    if (code === 0) return;
    const last = `${stderr}\n${stdout}`.split('\n').filter((line) => line.trim() !== '');
    throw new TandemError('service-failed', `${this.host}: ${service} could not ${action}.`, {
      issues: last.slice(-12).map((message) => ({ path: `${this.host}/${service}`, message })),
      hint: `See 'tandem logs ${this.host} ${service}'; 'tandem up' tries again.`,
    });
  }

  /** Text of the marker; empty without one. */
  async readMarker(): Promise<string> {
    return (await this.client.run(['cat', markerFile])).stdout;
  }

  run(
    command: readonly string[],
    options: { timeoutMs?: number; input?: string } = {},
  ): Promise<CommandResult> {
    return this.client.run(command, options);
  }
}

export function packagesOf(services: readonly Service[]): readonly string[] {
  return [...new Set(services.flatMap((service) => service.packages))].sort();
}

function missingOf(services: readonly Service[], { packages }: ServerObservation): readonly string[] {
  return packagesOf(services).filter((name) => !packages.includes(name));
}

function isConfiguration(path: string): boolean {
  return !path.startsWith(`${unitDirectory}/`);
}

function staged(path: string): string {
  return `${stage}${path.slice(hostPaths.config.length)}`;
}

/** Those that a check looks for and that are missing; what is there stays as it is. */
function makeDirectories(services: readonly Service[]): string {
  const directories = services.flatMap((service) => service.directories);
  return [
    `mkdir -p ${hostPaths.config} ${hostPaths.run}`,
    ...directories.map(
      ({ path, mode, owner }) =>
        `[ -e ${path} ] || install -d -m ${mode.toString(8)} -o ${owner} -g ${owner} ${path}`,
    ),
  ].join(' && ');
}
