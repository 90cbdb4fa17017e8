/** Records that the command-line tool keeps in etcd through the agents: the releases, and which hosts the stack is on. */
import type { Hono } from 'hono';
import { applicationKey } from '#src/topology/application.ts';
import type { AgentContext } from '../context.ts';
import { knownHostsKey, readRecord, writeRecord } from '../operator/record.ts';
import type { Env } from './environment.ts';
import { withQuorum } from './operator.ts';
import { Problem } from './problem.ts';

const keys: ReadonlyMap<string, string> = new Map([
  ['/v1/application', applicationKey],
  ['/v1/hosts', knownHostsKey],
]);

export function isRecordPath(path: string): boolean {
  return keys.has(path);
}

export function recordRoutes(app: Hono<Env>, { etcd }: AgentContext): void {
  for (const [path, key] of keys) {
    app.get(path, async (c) => c.json(await withQuorum(() => readRecord(etcd, key))));
    app.put(path, async (c) => {
      const { record, revision } = (await c.req.json().catch(() => ({}))) as Record<string, unknown>;
      if (typeof record !== 'object' || record === null || !Number.isInteger(revision)) {
        throw new Problem(422, 'No record', 'A `record` and the `revision` that it replaces are wanted.');
      }
      const written = await withQuorum(() => writeRecord(etcd, key, record, revision as number));
      if (written === undefined) throw new Problem(409, 'Changed', 'Somebody else has changed it meanwhile.');
      return c.json({ revision: written });
    });
  }
}
