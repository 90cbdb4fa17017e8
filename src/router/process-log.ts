/** Lines on the standard output, which the service's runner keeps; and what a bug does: it ends the process. */
import { exitOnBug } from '#src/adapters/process/exit-on-bug.ts';
import type { RouterLog } from './session/host.ts';

export function processLog(): RouterLog & { readonly error: (text: string) => void } {
  const write = (level: string) => (text: string) =>
    process.stdout.write(`${new Date().toISOString()} ${level} ${text}\n`);
  const log = { info: write('info'), warn: write('warning'), error: write('error') };
  exitOnBug(log);
  return log;
}
