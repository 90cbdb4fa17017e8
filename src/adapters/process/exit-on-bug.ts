/** What a bug does to a service: it ends, and whoever runs it starts a fresh one. */
export function exitOnBug(log: { error(text: string): void }): void {
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(event, (reason: unknown) => {
      log.error(`bug: ${reason instanceof Error ? (reason.stack ?? reason.message) : String(reason)}`);
      process.exit(70);
    });
  }
}
