import { Certificates } from '../mariadb/certificates.ts';

export interface ServerCertificate {
  readonly ca: string;
  /** For mariadbd. */
  readonly options: readonly string[];
}

/** A CA and a certificate for 127.0.0.1, in files that the database server may read. */
export function serverCertificate(): ServerCertificate {
  const certificates = new Certificates('router-server-tls');
  certificates.authority('ca');
  certificates.issue('server', 'ca', 'db');
  return { ca: certificates.pem('ca'), options: certificates.serverOptions };
}
