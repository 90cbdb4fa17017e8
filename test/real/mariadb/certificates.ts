/** Authorities, and what they issue for 127.0.0.1, in files that the database server may read. */
import { execFileSync } from 'node:child_process';
import { chownSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryDirectory } from './data-directory.ts';

export class Certificates {
  readonly #directory: string;

  /** `name` is that of their directory. */
  constructor(name: string) {
    this.#directory = temporaryDirectory(name);
  }

  /** The certificate; its key is `NAME-key`. */
  file(name: string): string {
    return join(this.#directory, `${name}.pem`);
  }

  pem(name: string): string {
    return readFileSync(this.file(name), 'utf8');
  }

  authority(name: string, subject = name): void {
    this.#openssl(name, '-subj', `/CN=${subject}`);
  }

  issue(name: string, ca: string, subject: string): void {
    const issuer = ['-CA', this.file(ca), '-CAkey', this.file(`${ca}-key`), '-subj', `/CN=${subject}`];
    const names = ['-addext', 'subjectAltName=IP:127.0.0.1', '-addext', 'basicConstraints=critical,CA:FALSE'];
    this.#openssl(name, ...issuer, ...names);
  }

  /** For a mariadbd that is `server` and trusts `ca`. */
  get serverOptions(): readonly string[] {
    return [
      `ssl-ca=${this.file('ca')}`,
      `ssl-cert=${this.file('server')}`,
      `ssl-key=${this.file('server-key')}`,
    ];
  }

  #openssl(name: string, ...args: string[]): void {
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
    const files = ['-keyout', this.file(`${name}-key`), '-out', this.file(name)];
    execFileSync('openssl', ['req', '-x509', ...curve, ...files, ...args], { stdio: 'pipe' });
    const { uid, gid } = statSync(this.#directory);
    for (const entry of readdirSync(this.#directory)) chownSync(join(this.#directory, entry), uid, gid);
  }
}
