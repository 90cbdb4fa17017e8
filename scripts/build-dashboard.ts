/**
 * Bundles the dashboard's page from src/dashboard/web into dist/dashboard: names that hold a hash of the content, a
 * compressed copy of each file, and a manifest. Called by setup.sh when a source is newer; replaces the directory whole.
 */
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { brotliCompressSync, constants } from 'node:zlib';
import { build } from 'esbuild';
import type { AssetManifest } from '#src/dashboard/server/assets.ts';

const root = join(import.meta.dirname, '..');
const source = join(root, 'src/dashboard/web');
const target = join(root, 'dist/dashboard');

interface Built {
  readonly name: string;
  readonly content: Buffer;
}

/** Files by what they were made of: `main.tsx`, `login.ts`, `style.css`; chunks by their own names. */
async function bundle(): Promise<ReadonlyMap<string, Built>> {
  const { outputFiles, metafile } = await build({
    entryPoints: ['main.tsx', 'login.ts', 'style.css'].map((name) => join(source, name)),
    absWorkingDir: root,
    outdir: target,
    entryNames: '[name]-[hash]',
    chunkNames: 'chunk-[hash]',
    bundle: true,
    splitting: true,
    format: 'esm',
    target: ['es2022', 'chrome109', 'firefox115', 'safari16'],
    jsx: 'automatic',
    jsxImportSource: 'preact',
    minify: true,
    legalComments: 'none',
    metafile: true,
    write: false,
    logLevel: 'warning',
    // The server's configuration has no browser's library in it.
    tsconfig: join(source, 'tsconfig.json'),
  });
  const entries = Object.entries(metafile.outputs).map(([path, { entryPoint }]) => [
    basename(path),
    entryPoint === undefined ? undefined : basename(entryPoint),
  ]);
  const origin = new Map(entries as [string, string | undefined][]);
  return new Map(
    outputFiles.map(({ path, contents }) => {
      const name = basename(path);
      return [origin.get(name) ?? name, { name, content: Buffer.from(contents) }];
    }),
  );
}

function hashed(file: string): Built {
  const content = readFileSync(join(source, file));
  const hash = createHash('sha256').update(content).digest('hex').slice(0, 8).toUpperCase();
  const [stem = '', ending = ''] = file.split('.');
  return { name: `${stem}-${hash}.${ending}`, content };
}

function page(file: string, names: Readonly<Record<string, string>>): Built {
  const text = readFileSync(join(source, file), 'utf8').replaceAll(
    /\{\{(\w+)\}\}/g,
    (_match, key: string) => {
      const name = names[key];
      if (name === undefined) throw new Error(`${file} asks for ${key}, which was not built`);
      return name;
    },
  );
  return { name: file, content: Buffer.from(text) };
}

const files = await bundle();
const icon = hashed('icon.svg');
const nameOf = (origin: string): string => {
  const found = files.get(origin);
  if (found === undefined) throw new Error(`${origin} was not built`);
  return found.name;
};
const names = {
  icon: icon.name,
  style: nameOf('style.css'),
  main: nameOf('main.tsx'),
  login: nameOf('login.ts'),
};
/** What the login page imports beside its own file. */
const shared = [...files.values()].filter(
  ({ name }) => name.startsWith('chunk-') && files.get('login.ts')?.content.includes(name),
);
const all = [...files.values(), icon, page('index.html', names), page('login.html', names)];
const manifest: AssetManifest = {
  public: [names.icon, names.style, names.login, ...shared.map(({ name }) => name)],
};

mkdirSync(join(root, 'dist'), { recursive: true });
const fresh = mkdtempSync(join(root, 'dist/new-'));
// The dashboard's user is not the one who builds.
chmodSync(fresh, 0o755);
for (const { name, content } of all) {
  writeFileSync(join(fresh, name), content);
  const packed = brotliCompressSync(content, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } });
  writeFileSync(join(fresh, `${name}.br`), packed);
}
writeFileSync(join(fresh, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`);
rmSync(target, { recursive: true, force: true });
renameSync(fresh, target);
