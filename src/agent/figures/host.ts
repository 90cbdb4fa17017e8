/** What this host does now, in figures: `GET /v1/figures`. A part that does not answer is left out. */
import { readFile, statfs } from 'node:fs/promises';
import { availableParallelism, freemem, loadavg, totalmem } from 'node:os';
import type { HostFigures } from '#src/topology/figures.ts';
import type { AgentContext } from '../context.ts';
import { balancerFigures } from './balancer.ts';
import { routerFigures } from './router.ts';

export async function hostFigures({ config }: AgentContext): Promise<HostFigures> {
  const { balancer, routerControlSocket } = config;
  const [disk, memory, haproxy, router] = await Promise.all([
    statfs(config.dataDirectory),
    availableMemory(),
    balancer === undefined ? undefined : balancerFigures(balancer.haproxySocket).catch(() => undefined),
    routerControlSocket === undefined ? undefined : routerFigures(routerControlSocket).catch(() => undefined),
  ]);
  return {
    atMs: Date.now(),
    load1: loadavg()[0] ?? 0,
    cores: availableParallelism(),
    memoryTotalBytes: totalmem(),
    memoryAvailableBytes: memory,
    diskTotalBytes: disk.blocks * disk.bsize,
    diskAvailableBytes: disk.bavail * disk.bsize,
    ...(haproxy === undefined ? {} : { balancer: haproxy }),
    ...(router === undefined ? {} : { router }),
  };
}

/** What programs can have without swapping; free memory alone leaves the page cache out. */
async function availableMemory(): Promise<number> {
  const text = await readFile('/proc/meminfo', 'utf8').catch(() => '');
  const match = /^MemAvailable:\s+(\d+) kB$/m.exec(text);
  return match === null ? freemem() : Number(match[1]) * 1_024;
}
