/**
 * The built page: a fixed table of files, read once. Paths are looked up in it and never touch the file system, so there
 * is nothing to traverse.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Asset {
  readonly type: string;
  readonly body: Buffer;
  readonly brotli: Buffer;
  /** Its name says its content: it may be kept for ever. */
  readonly isHashed: boolean;
}

/** Written by scripts/build-dashboard.ts. */
export interface AssetManifest {
  /** Names of what a login page needs: served to everybody. All else takes a session. */
  readonly public: readonly string[];
}

const types: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml',
};

export class Assets {
  readonly #files = new Map<string, Asset>();
  readonly #public: ReadonlySet<string>;

  /** Throws when the page was not built. */
  constructor(directory: string) {
    const manifest = JSON.parse(readFileSync(join(directory, 'manifest.json'), 'utf8')) as AssetManifest;
    this.#public = new Set(manifest.public);
    for (const name of readdirSync(directory)) {
      const type = types[name.slice(name.lastIndexOf('.') + 1)];
      if (type === undefined) continue;
      const body = readFileSync(join(directory, name));
      const brotli = readFileSync(join(directory, `${name}.br`));
      this.#files.set(name, { type, body, brotli, isHashed: /-[A-Z0-9]{8}\./.test(name) });
    }
  }

  find(name: string): Asset | undefined {
    return this.#files.get(name);
  }

  isPublic(name: string): boolean {
    return this.#public.has(name);
  }
}
