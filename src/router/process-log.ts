/** Lines on the standard output, which the service's runner keeps; and what a bug does: it ends the process. */
import type { RouterLog } from './session-host.ts';

export function processLog(): RouterLog & { readonly error: (text: string) => void } {
  const write = (level: string) => (text: string) =>
    process.stdout.write(`${new Date().toISOString()} ${level} ${text}\n`);
  const log = { info: write('info'), warn: write('warning'), error: write('error') };
  // Out with it, and whoever watches starts a fresh one.
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(event, (reason: unknown) => {
      log.error(`bug: ${reason instanceof Error ? reason.stack : String(reason)}`);
      process.exit(70);
    });
  }
  return log;
}
