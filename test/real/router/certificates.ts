/** A CA and a certificate for 127.0.0.1, in files that the database server may read. */
import { execFileSync } from 'node:child_process';
import { chownSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryDirectory } from '../mariadb/server.ts';

export interface ServerCertificate {
  readonly ca: string;
  /** For mariadbd. */
  readonly options: readonly string[];
}

export function serverCertificate(): ServerCertificate {
  const directory = temporaryDirectory('router-server-tls');
  const file = (name: string) => join(directory, `${name}.pem`);
  const make = (name: string, ...args: string[]): void => {
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
    const files = ['-keyout', file(`${name}-key`), '-out', file(name)];
    execFileSync('openssl', ['req', '-x509', ...curve, ...files, ...args], { stdio: 'pipe' });
  };
  make('ca', '-subj', '/CN=ca');
  const issuer = ['-CA', file('ca'), '-CAkey', file('ca-key'), '-subj', '/CN=db'];
  const names = ['-addext', 'subjectAltName=IP:127.0.0.1', '-addext', 'basicConstraints=critical,CA:FALSE'];
  make('server', ...issuer, ...names);
  const { uid, gid } = statSync(directory);
  for (const entry of readdirSync(directory)) chownSync(join(directory, entry), uid, gid);
  const options = [`ssl-ca=${file('ca')}`, `ssl-cert=${file('server')}`, `ssl-key=${file('server-key')}`];
  return { ca: readFileSync(file('ca'), 'utf8'), options };
}
