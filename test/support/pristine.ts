/**
 * A Debian system as after its installation, with git, Node.js and npm: a root directory of its own (debootstrap) in a
 * mount namespace of its own, on this machine's kernel and network. How packages are fetched here (apt's sources, npm's
 * settings, certificates) is copied from this machine when it runs.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { chmod, cp, mkdir, mkdtemp, realpath, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { command, expectCommand } from './command.ts';
import { repository } from './lab.ts';
import { needPackages } from './packages.ts';
import { label, processes, processOf } from './processes.ts';
import { sleep, waitFor } from './wait.ts';

/** What a machine needs before Tandem comes (README), and curl to look at the site. */
const packages = ['ca-certificates', 'curl', 'git', 'iproute2', 'libatomic1', 'procps', 'util-linux'];
const copied = [
  '/etc/apt',
  '/etc/ssl/certs',
  '/usr/local/share/ca-certificates',
  '/usr/share/ca-certificates',
];
const settings = [
  '/etc/resolv.conf',
  '/etc/hosts',
  '/etc/npmrc',
  '/usr/etc/npmrc',
  join(homedir(), '.npmrc'),
];

const mounts = `set -eu
mount --make-rprivate /
root=$1
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/run"
mkdir -m 1777 "$root/run/lock"
mount --bind -o ro "$2" "$root/repository"
# A changed root as a machine has it: who joins this mount namespace later (nsenter) finds it too, unlike with chroot.
mkdir "$root/before"
cd "$root"
pivot_root . before
umount --lazy /before
rmdir /before
echo ready
exec sleep infinity
`;

export class PristineMachine {
  readonly root: string;
  readonly #holder: ChildProcess;

  private constructor(root: string, holder: ChildProcess) {
    this.root = root;
    this.#holder = holder;
  }

  static async make(log: (line: string) => void): Promise<PristineMachine> {
    const root = await mkdtemp(join(tmpdir(), 'tandem-debian-'));
    // It becomes the root directory, which everybody may enter.
    await chmod(root, 0o755);
    try {
      await needPackages('debootstrap');
      log(`debootstrap in ${root}`);
      const words = ['--variant=minbase', `--include=${packages.join(',')}`, 'bookworm', root];
      await expectCommand('debootstrap', words);
      await copyMachineSettings(root);
      await mkdir(join(root, 'repository'));
      const holder = spawn('unshare', ['--mount', 'sh', '-c', mounts, 'sh', root, repository], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let said = '';
      holder.stdout?.on('data', (text) => {
        said += text;
      });
      await waitFor('the mounts of the pristine machine', () => said.includes('ready'), 10_000);
      const machine = new PristineMachine(root, holder);
      await machine.expect('apt-get', 'update', '-q');
      await machine.expect('git', 'config', '--global', '--add', 'safe.directory', '*');
      log(
        `node ${(await machine.expect('node', '--version')).trim()}, npm ${(await machine.expect('npm', '--version')).trim()}`,
      );
      return machine;
    } catch (error) {
      await rm(root, { recursive: true, force: true });
      throw error;
    }
  }

  /** A path inside, as this machine sees it. */
  path(inside: string): string {
    return join(this.root, inside);
  }

  /** Argument array that runs a program inside. */
  words(...program: string[]): [string, ...string[]] {
    return ['nsenter', `--target=${this.#holder.pid}`, '--mount', '--wdns=/root', '--', ...program];
  }

  async expect(...program: string[]): Promise<string> {
    const [first, ...rest] = this.words(...program);
    return expectCommand(first, rest);
  }

  async packages(): Promise<readonly string[]> {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query's own format.
    return (await this.expect('dpkg-query', '-W', '-f', '${Package}\n')).split('\n').filter(Boolean);
  }

  /** Processes that run from this root in the machine's own network: none belongs to a lab. */
  strangers(): readonly string[] {
    const own = processOf(process.pid)?.network;
    return processes()
      .filter(({ network, pid }) => network === own && pid !== this.#holder.pid && this.#isInside(pid))
      .map(label);
  }

  #isInside(pid: number): boolean {
    try {
      const [own, its] = [statSync(this.root), statSync(`/proc/${pid}/root/`)];
      return own.dev === its.dev && own.ino === its.ino;
    } catch {
      return false;
    }
  }

  async close(): Promise<void> {
    for (const { pid } of processes()) if (this.#isInside(pid)) process.kill(pid, 'SIGKILL');
    this.#holder.kill('SIGKILL');
    await sleep(500);
    // The mounts were the holder's alone: a root that still has some must not be removed through them.
    const left = await command('findmnt', ['-rn', '-o', 'TARGET', '--submounts', '--target', this.root]);
    if (left.stdout.includes(this.root))
      throw new Error(`mounts are left below ${this.root}: ${left.stdout}`);
    await rm(this.root, { recursive: true, force: true });
  }
}

/** Copies what this machine uses to fetch packages, and its Node.js with npm. */
async function copyMachineSettings(root: string): Promise<void> {
  for (const path of [...copied, ...settings].filter((candidate) => existsSync(candidate))) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await cp(path, join(root, path), {
      recursive: true,
      force: true,
      dereference: path === '/etc/resolv.conf',
    });
  }
  const which = async (name: string) =>
    realpath((await expectCommand('sh', ['-c', `command -v ${name}`])).trim());
  await cp(await which('node'), join(root, 'usr/bin/node'));
  const npm = dirname(dirname(await which('npm')));
  await cp(npm, join(root, 'usr/lib/node_modules/npm'), { recursive: true });
  for (const name of ['npm', 'npx']) {
    await expectCommand('ln', [
      '-sf',
      `../lib/node_modules/npm/bin/${name}-cli.js`,
      join(root, 'usr/bin', name),
    ]);
  }
}
