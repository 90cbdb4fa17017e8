/** The application as `up` needs it: a first release where there was none, and the hosts that lack theirs given it. */
import { resolve } from 'node:path';
import { TandemError } from '#src/std/errors.ts';
import type { Reporter } from '#src/std/reporter.ts';
import type { ApplicationRecord } from '#src/topology/application.ts';
import { FloatingAddress } from '../floating-address.ts';
import type { StackAccess } from '../health.ts';
import { Balancers } from './balancers.ts';
import { ApplicationStore } from './record.ts';
import { firstRecord, installMissing, makeRelease } from './releases.ts';

export interface OpenApplication {
  readonly record: ApplicationRecord;
  /** For hosts that exist, before services are started on them. */
  readonly install: () => Promise<void>;
  /** Records in etcd what only this machine knew: a first release, or what a wiped quorum has lost. */
  readonly share: () => Promise<void>;
}

/** `up` makes the first release from the stack file's `web.app.directory`; from then on only `deploy` changes it. */
export async function openApplication(
  request: StackAccess & {
    readonly stateDirectory: string;
    readonly directory: string;
    readonly reporter: Reporter;
  },
): Promise<OpenApplication> {
  const { stateDirectory, directory, reporter } = request;
  const place = { access: request, stateDirectory, directory, reporter };
  const store = await ApplicationStore.open(place);
  let { record } = store;
  if (record === undefined) {
    const source = resolve(directory, request.spec.web.app.directory);
    record = firstRecord(await makeRelease(place, source), source);
    await store.write(record);
  }
  const opened = record;
  return {
    record: opened,
    install: () => installMissing(place, opened),
    share: async () => {
      await store.read();
      if (store.isMissing) await store.write(opened);
    },
  };
}

/** An interrupted command may have left a host out of service. Without an answer nothing can be said. */
export async function endDrains(access: StackAccess, reporter: Reporter): Promise<void> {
  try {
    await new FloatingAddress(access, reporter).endAll();
    const balancers = await Balancers.open(access);
    for (const host of await balancers.restoreAll())
      reporter.note(host, 'back in service after an earlier command');
  } catch (error) {
    if (!(error instanceof TandemError)) throw error;
  }
}
