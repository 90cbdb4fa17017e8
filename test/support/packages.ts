/** Debian packages that few tests need: installed where they are used, not for every run of the suite. */
import { installPackages } from '#src/provision/packages/install.ts';
import type { Reporter } from '#src/std/reporter.ts';

const quiet: Reporter = {
  step: (_host, _title, work) => work(),
  note: () => undefined,
};

export function needPackages(...names: readonly string[]): Promise<void> {
  return installPackages(names, quiet);
}
