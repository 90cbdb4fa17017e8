/**
 * Keeps packages' services from being started while they are installed: `policy-rc.d` (invoke-rc.d(8)) says no for the
 * time of the install. A policy that was there before is put back, also after a killed run.
 */
import { chmod, readFile, rename, rm, writeFile } from 'node:fs/promises';

const policyPath = '/usr/sbin/policy-rc.d';
const keptPath = '/usr/sbin/policy-rc.d.before-tandem';
const policy = `#!/bin/sh
# Put here by Tandem while it installs packages; removed afterwards.
exit 101
`;

export async function withoutServiceStarts<T>(work: () => Promise<T>): Promise<T> {
  await restore();
  await ignoreMissing(rename(policyPath, keptPath));
  await writeFile(policyPath, policy);
  await chmod(policyPath, 0o755);
  try {
    return await work();
  } finally {
    await restore();
  }
}

/** Undoes what this or an earlier, killed run did; without such traces it does nothing. */
async function restore(): Promise<void> {
  const current = await readFile(policyPath, 'utf8').catch(() => undefined);
  if (current === policy) await rm(policyPath, { force: true });
  await ignoreMissing(rename(keptPath, policyPath));
}

async function ignoreMissing(work: Promise<void>): Promise<void> {
  await work.catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
}
