import { expect, it } from 'vitest';
import { putIn } from '#src/provision/application/web-host.ts';
import type { Reporter } from '#src/std/reporter.ts';
import { referenceSpec, referenceStackFile } from '#test/fixtures/spec.ts';

const reporter: Reporter = { step: (_host, _title, work) => work(), note: () => undefined };

it.each([
  [['app-10 answers 500'], 'server-1/app-10'],
  [['app-2: no answer within 2000 ms', 'app-10 answers 500'], 'server-1/app-2'],
  [['nginx answers 502'], 'server-1/app-1'],
])('%j is explained by the log of %s', async (problems, path) => {
  const spec = referenceSpec({ web: { ...referenceStackFile.web, instances: 12 } });
  const host = {
    host: 'server-1',
    check: async () => ({ healthy: false, problems }),
    lastLines: async () => ['its last line'],
  };
  await expect(putIn({ spec, reporter, balancers: undefined as never }, host as never)).rejects.toMatchObject(
    {
      code: 'web-host-unhealthy',
      issues: [{ path, message: 'its last line' }],
    },
  );
});
