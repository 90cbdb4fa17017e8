import { main } from '#src/cli/main.ts';
import { reportError } from '#src/cli/output.ts';

const words = process.argv.slice(2);

// What nobody awaited is a bug like any other, with its exit code.
const crash = (error: unknown) => process.exit(reportError(error, words.includes('--verbose')));
process.on('uncaughtException', crash);
process.on('unhandledRejection', crash);
// `tandem logs | head`: the reader has gone, which is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit();
  crash(error);
});

process.exitCode = await main(words);
