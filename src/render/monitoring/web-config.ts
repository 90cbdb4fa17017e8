/**
 * TLS of everything that monitors: whoever asks must have a certificate of the stack's authority. One form for Prometheus,
 * Alertmanager and exporters (https://prometheus.io/docs/prometheus/latest/configuration/https/), all as one unix user.
 */

import { stringify } from 'yaml';
import type { KeyPair, RenderContext } from '#src/render/context.ts';
import { configPath, lines, publicFile, tlsFiles } from '#src/render/files.ts';
import type { FileEffect, RenderedFile } from '#src/render/service.ts';
import { monitoringUser } from '#src/topology/monitoring.ts';

export interface MonitoringTls {
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
  /** Path of the file for `--web.config.file`. */
  readonly webConfig: string;
  readonly files: readonly RenderedFile[];
}

/** The programs read certificates again at each handshake, so their change asks for nothing unless `onChange` says so. */
export function monitoringTls(
  component: string,
  { material, host }: RenderContext,
  onChange: FileEffect = 'none',
): MonitoringTls {
  const pair = material.monitoring[host.name] as KeyPair;
  const tls = tlsFiles(component, { ca: material.ca, ...pair }, onChange, monitoringUser);
  const webConfig = configPath(component, 'web.yml');
  const settings = Object.entries(serverTls(tls)).map(([key, value]) => `  ${key}: ${value}`);
  const text = lines(header, 'tls_server_config:', ...settings);
  return { ...tls, webConfig, files: [...tls.files, publicFile(webConfig, text, 'none')] };
}

interface Paths {
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
}

export function serverTls({ ca, certificate, key }: Paths) {
  return {
    cert_file: certificate,
    key_file: key,
    client_ca_file: ca,
    client_auth_type: 'RequireAndVerifyClientCert',
    min_version: 'TLS12',
  };
}

export function clientTls({ ca, certificate, key }: Paths) {
  return { ca_file: ca, cert_file: certificate, key_file: key };
}

const header =
  '# Rendered by Tandem from the stack file; changes here are overwritten by the next `tandem up`.';

export function yaml(content: unknown): string {
  return `${header}\n${stringify(content, { lineWidth: 0, aliasDuplicateObjects: false })}`;
}
