import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createAuthority, issueLeaf } from '#src/adapters/tls/authority.ts';
import { scrapeJobs } from '#src/render/monitoring/prometheus.ts';
import { agentMetricsPaths } from '#src/topology/monitoring.ts';
import { specOf } from '#test/fixtures/spec.ts';
import { openPort } from '#test/support/firewall.ts';
import type { Lab } from '#test/support/lab.ts';
import { get, type Identity, operatorIdentity } from '#test/support/monitoring.ts';
import { type Evidence, type OwnPoint, withLab } from './point.ts';
import { scanPoint, scanStack } from './stack-5-scan.ts';

interface Counts {
  readonly scan: (typeof scanPoint)['small'];
}

interface Target {
  readonly host: string;
  readonly address: string;
  readonly port: number;
  readonly path: string;
}

function targetsOf(lab: Lab): readonly Target[] {
  return scrapeJobs(specOf(lab.stack)).flatMap(({ hosts, port, path = '/metrics' }) =>
    hosts.map(({ name, address }) => ({ host: name, address, port, path })),
  );
}

async function strangers(): Promise<Readonly<Record<string, Identity>>> {
  const authority = await createAuthority('somebody else', Date.now());
  const { certificate, key } = await issueLeaf(
    authority,
    { commonName: 'lb-1', names: ['lb-1'] },
    Date.now(),
  );
  return { 'without a certificate': {}, 'with one of another authority': { cert: certificate, key } };
}

/** What answers, or how it was refused. */
async function attempt({ address, port, path }: Target, identity: Identity): Promise<string> {
  try {
    const { status, body } = await get(address, port, path, identity);
    return `${status} with ${body.length} bytes`;
  } catch (error) {
    return `refused: ${(error as NodeJS.ErrnoException).code ?? (error as Error).message}`;
  }
}

/** From this machine, past the firewall where it would keep even an operator out: what is tried is the program's own door. */
async function checkDoors(lab: Lab): Promise<Evidence> {
  const targets = targetsOf(lab);
  const closes = await Promise.all(targets.map(({ host, port }) => openPort(lab, host, port)));
  try {
    const known = await operatorIdentity(lab);
    const answers: Record<string, string> = {};
    for (const target of targets) {
      const place = `${target.host}:${target.port}${target.path}`;
      const own = await attempt(target, known);
      assert.match(own, /^200 with \d{3,} bytes$/, `${place} with the operator's certificate`);
      for (const [who, identity] of Object.entries(await strangers())) {
        const answer = await attempt(target, identity);
        assert.match(answer, /^refused: /, `${place} ${who}`);
        answers[`${place} ${who}`] = answer;
      }
    }
    return { doors: targets.length, answers };
  } finally {
    for (const close of closes) await close();
  }
}

/** The certificate of what monitors opens the agents' figures and nothing else of them. */
async function checkLeastPrivilege(lab: Lab): Promise<Evidence> {
  const material = join(await lab.stateDirectory(), 'material');
  const file = (name: string) => readFile(join(material, name), 'utf8');
  const identity = {
    ca: await file('ca.pem'),
    cert: await file('monitoring-lb-1.pem'),
    key: await file('monitoring-lb-1.key'),
  };
  const seen: Record<string, number> = {};
  for (const { address, name } of (await lab.status()).hosts) {
    const status = async (path: string) => (await get(address, 8440, path, identity)).status;
    assert.equal(await status(agentMetricsPaths.agent), 200);
    for (const path of ['/v1/status', '/v1/database', '/v1/blocklist', '/v1/clone']) {
      seen[`${name}${path}`] = await status(path);
      assert.equal(seen[`${name}${path}`], 403, `${name}${path}`);
    }
  }
  return seen;
}

export const monitoringPorts: OwnPoint<Counts> = {
  kind: 'own',
  id: 'monitoring-5-ports',
  title:
    'With monitoring, open ports are exactly the flows, and no metrics without a certificate of the stack',
  inSuite: false,
  small: { scan: scanPoint.small },
  full: { scan: scanPoint.full },
  async run(place, { counts, log }) {
    return withLab(
      place,
      async (lab) => {
        const doors = await checkDoors(lab);
        log('no door opens without a certificate');
        const leastPrivilege = await checkLeastPrivilege(lab);
        const scan = await scanStack(lab, counts.scan, log);
        return { doors, leastPrivilege, scan };
      },
      (stack) => ({ ...stack, monitoring: {} }),
    );
  },
};
