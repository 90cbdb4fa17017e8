/** Small helpers that every renderer uses. */
import { hostPaths } from '#src/topology/paths.ts';
import type { FileEffect, RenderedFile } from './service.ts';

export function configPath(component: string, file: string): string {
  return `${hostPaths.config}/${component}/${file}`;
}

export function publicFile(path: string, content: string, onChange: FileEffect): RenderedFile {
  return { path, content, mode: 0o644, owner: 'root', onChange };
}

/** Readable by `owner` only. */
export function secretFile(
  path: string,
  content: string,
  onChange: FileEffect,
  owner = 'root',
): RenderedFile {
  return { path, content, mode: 0o600, owner, onChange, secret: true };
}

/** Where a component has its own copies of the CA's certificate, and of the host's with its key. */
export function tlsPaths(component: string) {
  return {
    ca: configPath(component, 'ca.pem'),
    certificate: configPath(component, 'host.pem'),
    key: configPath(component, 'host.key'),
  } as const;
}

/**
 * CA, certificate and key of the host, as one component's own copies. `pairChange`: of certificate and key, where the
 * program reads those again by itself.
 */
export function tlsFiles(
  component: string,
  material: { readonly ca: string; readonly certificate: string; readonly key: string },
  onChange: FileEffect,
  owner = 'root',
  pairChange = onChange,
): {
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
  readonly files: RenderedFile[];
} {
  const { ca, certificate, key } = tlsPaths(component);
  return {
    ca,
    certificate,
    key,
    files: [
      publicFile(ca, material.ca, onChange),
      publicFile(certificate, material.certificate, pairChange),
      secretFile(key, material.key, pairChange, owner),
    ],
  };
}

/** Joins lines; false and undefined ones are left out, so that a condition reads where its line stands. */
export function lines(...parts: readonly (string | false | undefined | readonly string[])[]): string {
  return `${parts.flatMap((part) => (part === false || part === undefined ? [] : part)).join('\n')}\n`;
}
