/** SQL as root, through the server's own socket: for what the least accounts can't do. */
import { runChecked } from '#src/adapters/process/run.ts';

/** The statements go over standard input: they hold passwords. */
export async function runAsRoot(socket: string, sql: string): Promise<void> {
  await runChecked(['mariadb', '--no-defaults', `--socket=${socket}`, '--user=root', '--batch'], {
    input: sql,
    timeoutMs: 120_000,
  });
}
