import { enableCompileCache } from 'node:module';
import { join } from 'node:path';

// The launcher has asked for it already, so that this file needs no compiling either; here for who comes without the
// launcher, and before the imports, which are dynamic for it. It is for this process alone, not for those it starts.
enableCompileCache(join(import.meta.dirname, '../../node_modules/.cache/tandem'));
delete process.env['NODE_COMPILE_CACHE'];
const { main } = await import('#src/cli/main.ts');
const { reportError } = await import('#src/cli/output.ts');

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
