/** When the certificates of a host end: of every program's own copy, so that one that was not renewed shows. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { certificateFacts, readCertificate } from '#src/adapters/tls/inspect.ts';

export interface CertificateEnd {
  /** Relative to the directory that was looked through. */
  readonly file: string;
  /** Common name of its subject; the whole subject when it has none. */
  readonly name: string;
  readonly notAfterMs: number;
}

/** Each certificate once, with the first file (by name) that has it. Files that can't be read, and keys, are no certificates. */
export async function certificateEnds(directory: string): Promise<readonly CertificateEnd[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile() && entry.name.endsWith('.pem'))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  const found = new Map<string, CertificateEnd>();
  for (const file of files) {
    const certificate = readCertificate(await readFile(file, 'utf8').catch(() => ''));
    if (certificate === undefined || found.has(certificate.fingerprint256)) continue;
    found.set(certificate.fingerprint256, {
      file: file.slice(directory.length + 1),
      name: /(?:^|\n)CN=(.*)/.exec(certificate.subject)?.[1] ?? certificate.subject,
      notAfterMs: certificateFacts(certificate).notAfterMs,
    });
  }
  return [...found.values()];
}

/** The same for a minute: certificates change seldom, and are asked for by each Prometheus. */
export class Certificates {
  readonly #directory: string;
  #known: Promise<readonly CertificateEnd[]> | undefined;
  #readAtMs = 0;

  constructor(directory: string) {
    this.#directory = directory;
  }

  ends(): Promise<readonly CertificateEnd[]> {
    const now = performance.now();
    if (this.#known === undefined || now - this.#readAtMs > keptMs) {
      this.#readAtMs = now;
      this.#known = certificateEnds(this.#directory);
      this.#known.catch(() => {
        this.#known = undefined;
      });
    }
    return this.#known;
  }
}

const keptMs = 60_000;
