/**
 * Node's TypeScript parser stays in memory once it was needed (12 MB, and twice that in garbage around it). With a
 * compile cache (NODE_COMPILE_CACHE) it is needed once per version of the code: a process that needed it writes the
 * cache and becomes itself again (execve: same process id, same standard streams), without it.
 */
import { flushCompileCache, getCompileCacheDir } from 'node:module';

const mark = 'TANDEM_WARMED';

/** `load` imports everything that the process will use. Returns when there is nothing to gain. */
export async function beginWarm(load: () => Promise<unknown>): Promise<void> {
  if (getCompileCacheDir() === undefined || process.env[mark] !== undefined) return;
  await load();
  if (!parserLoaded() || process.execve === undefined) return;
  flushCompileCache();
  const args = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  try {
    process.execve(process.execPath, args, { ...process.env, [mark]: '1' });
  } catch {
    // Not possible here: it goes on as it is, a little larger.
  }
}

function parserLoaded(): boolean {
  const { moduleLoadList } = process as unknown as { readonly moduleLoadList?: readonly string[] };
  return moduleLoadList?.some((name) => name.includes('amaro')) ?? false;
}
