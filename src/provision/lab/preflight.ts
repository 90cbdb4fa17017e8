/** What must hold on this machine before a lab is touched: all of it checked, all problems told at once. */
import { access, constants, statfs } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { type Issue, TandemError } from '#src/std/errors.ts';
import { runCommand } from './command.ts';

const leastFreeBytes = 1_073_741_824;
/** iproute2, nftables and util-linux: the packages come with Debian or with the data plane's. */
const programs = ['ip', 'mount', 'unshare', 'nsenter', 'flock', 'setpriv', 'prlimit'] as const;

/** Rejects with every problem. Where it can not even be tried (not Linux, not root), the rest is not looked at. */
export async function preflight(stateDirectory: string): Promise<void> {
  const basic = basicIssues(process.platform, process.geteuid?.());
  const issues =
    basic.length > 0
      ? basic
      : (await Promise.all([programIssues(), kernelIssues(), diskIssues(stateDirectory)])).flat();
  if (issues.length === 0) return;
  throw new TandemError('lab-impossible', 'A lab cannot run on this machine as it is.', {
    issues,
    hint: 'Put these right, or give the hosts `ssh` destinations in the stack file.',
  });
}

export function basicIssues(platform: string, user: number | undefined): readonly Issue[] {
  if (platform !== 'linux') {
    const message = `this is ${platform}; a lab needs Linux (network namespaces)`;
    return [{ path: 'machine', message, hint: 'Run Tandem on a Linux machine, or in a virtual one.' }];
  }
  if (user === 0) return [];
  const hint = 'Run the command as root (sudo).';
  return [{ path: 'machine', message: 'a lab needs root (it makes namespaces and a bridge)', hint }];
}

async function programIssues(): Promise<readonly Issue[]> {
  const directories = (process.env['PATH'] ?? '').split(delimiter).filter(Boolean);
  const found = await Promise.all(
    programs.map(async (program) => {
      const tries = await Promise.all(
        directories.map((directory) =>
          access(join(directory, program), constants.X_OK).then(
            () => true,
            () => false,
          ),
        ),
      );
      return tries.includes(true);
    }),
  );
  return programs
    .filter((_, index) => found[index] !== true)
    .map((program) => ({
      path: program,
      message: 'is not on this machine',
      hint: 'apt-get install iproute2 util-linux mount',
    }));
}

/** Makes one of each for a moment: whether the kernel and the container around it allow it shows no other way. */
async function kernelIssues(): Promise<readonly Issue[]> {
  const name = `tdpf${process.pid}`;
  const tries: readonly { what: string; make: readonly string[]; undo: readonly string[] }[] = [
    {
      what: 'network namespaces',
      make: ['ip', 'netns', 'add', name],
      undo: ['ip', 'netns', 'delete', name],
    },
    {
      what: 'bridges (module bridge)',
      make: ['ip', 'link', 'add', `${name}b`, 'type', 'bridge'],
      undo: ['ip', 'link', 'delete', `${name}b`],
    },
    {
      what: 'veth pairs (module veth)',
      make: ['ip', 'link', 'add', `${name}v`, 'type', 'veth', 'peer', 'name', `${name}w`],
      undo: ['ip', 'link', 'delete', `${name}v`],
    },
    {
      what: 'nftables (module nf_tables)',
      make: ['nft', 'add', 'table', 'inet', name],
      undo: ['nft', 'delete', 'table', 'inet', name],
    },
    {
      what: 'mount namespaces',
      make: ['unshare', '--mount', '--uts', 'true'],
      undo: ['true'],
    },
  ];
  const issues = await Promise.all(
    tries.map(async ({ what, make, undo }) => {
      const { code, stderr } = await runCommand(make);
      if (code === 0) {
        await runCommand(undo);
        return [];
      }
      // The packages of the data plane bring nft; they are installed after this.
      if (code === 127) return [];
      const message = `the kernel does not give ${what}: ${stderr.trim().split('\n').at(-1) ?? ''}`;
      return [
        { path: 'kernel', message, hint: 'Load the module, or leave the container for a virtual machine.' },
      ];
    }),
  );
  return issues.flat();
}

async function diskIssues(stateDirectory: string): Promise<readonly Issue[]> {
  const { bavail, bsize } = await statfs(await nearestExisting(stateDirectory));
  const free = bavail * bsize;
  if (free >= leastFreeBytes) return [];
  const message = `only ${Math.floor(free / 1_048_576)} MiB are free; a lab needs ${leastFreeBytes / 1_048_576}`;
  return [
    { path: stateDirectory, message, hint: 'Free some space, or keep the stack file on another disk.' },
  ];
}

async function nearestExisting(path: string): Promise<string> {
  try {
    await access(path);
    return path;
  } catch {
    return path === dirname(path) ? path : nearestExisting(dirname(path));
  }
}
