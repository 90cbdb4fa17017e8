/** What must hold on the servers before any of them is touched: all looked at side by side, all problems told at once. */
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { HostSpec, Spec } from '#src/spec/spec.ts';
import { type Issue, TandemError } from '#src/std/errors.ts';
import { materialPaths } from '../material/paths.ts';
import type { SshClient } from './client.ts';
import { parseFacts, portsOf, problemsOf } from './facts.ts';

const script = readFileSync(join(import.meta.dirname, 'preflight.sh'), 'utf8');
const timeoutMs = 60_000;

export async function preflightServers(
  spec: Spec,
  stateDirectory: string,
  client: (host: string) => SshClient,
): Promise<void> {
  const stackId = await readStackId(stateDirectory);
  const checked = spec.hosts.map((host) => checkServer(spec, host, client(host.name), stackId));
  const issues = (await Promise.all(checked)).flat();
  if (issues.length === 0) return;
  throw new TandemError('servers-not-ready', 'These servers are not ready for it. Nothing was changed.', {
    kind: 'input',
    issues,
    hint: 'Put these right, then run the command again.',
  });
}

async function checkServer(
  spec: Spec,
  host: HostSpec,
  client: SshClient,
  stackId: string | undefined,
): Promise<readonly Issue[]> {
  try {
    // The first one pays for the connection, which must not count as a difference of clocks.
    const { code, stderr } = await client.run(['true'], { timeoutMs });
    if (code !== 0) return [rootIssue(host, stderr)];
    const ports = portsOf(spec, host).map(String);
    const askedMs = Date.now();
    const { stdout } = await client.run(['sh', '-c', script, 'sh', host.address, ...ports], { timeoutMs });
    const context = { spec, host, stackId, askedMs, answeredMs: Date.now(), architecture: process.arch };
    return problemsOf(parseFacts(stdout), context);
  } catch (error) {
    if (!(error instanceof TandemError)) throw error;
    return [reachIssue(host, error)];
  }
}

function rootIssue(host: HostSpec, stderr: string): Issue {
  // sudo's last word; before it, it may complain of other things.
  const said = stderr.trim().split('\n').at(-1) ?? '';
  return {
    path: host.name,
    message: `its account can not become root without a question (${said || 'sudo failed'})`,
    hint: `Allow it in /etc/sudoers.d (ACCOUNT ALL=(ALL) NOPASSWD: ALL), or use root@… as its ssh destination.`,
  };
}

/** What ssh says, and what to do about it. */
const sshWords: readonly (readonly [said: RegExp, hint: string])[] = [
  [
    /identification has changed/i,
    'If the server was installed anew, remove the old key (ssh-keygen -R) after checking the new one; if not, somebody else answers.',
  ],
  [
    /host key verification failed|host key is known/i,
    "Connect once by hand and check its key's fingerprint, or put its key into known_hosts.",
  ],
  [
    /permission denied|too many authentication failures/i,
    'Put your public key into its authorized_keys (ssh-copy-id), and your private key into the ssh agent or your ssh config.',
  ],
  [/could not resolve/i, 'Check the name, and HostName in your ssh config.'],
  [/./, 'Check that it is on, that sshd runs, and that the network lets you through.'],
];

function reachIssue(host: HostSpec, error: TandemError): Issue {
  const said = error.message.slice(error.message.indexOf(': ') + 2);
  const [, hint = ''] = sshWords.find(([pattern]) => pattern.test(said)) ?? [];
  return { path: host.name, message: `cannot be reached over SSH: ${said}`, hint };
}

/** Undefined for a stack that was never up from here. */
async function readStackId(stateDirectory: string): Promise<string | undefined> {
  try {
    const text = await readFile(materialPaths(stateDirectory).secrets, 'utf8');
    return (JSON.parse(text) as { stackId?: string }).stackId;
  } catch {
    return undefined;
  }
}
