/** What a certificate says, and whether a pair of PEM texts is fit for a purpose. Reads only; uses node:crypto alone. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { renewBeforeMs } from './lifetimes.ts';

export interface CertificateFacts {
  readonly names: readonly string[];
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** First certificate of the PEM text; undefined when there is none that can be read. */
export function readCertificate(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined;
  }
}

export function certificateFacts(certificate: X509Certificate): CertificateFacts {
  const names = (certificate.subjectAltName ?? '')
    .split(', ')
    .map((entry) => entry.replace(/^(DNS|IP Address):/, ''))
    .filter((entry) => entry !== '');
  return {
    names,
    notBeforeMs: Date.parse(certificate.validFrom),
    notAfterMs: Date.parse(certificate.validTo),
  };
}

export function keyMatches(certificate: X509Certificate, key: string): boolean {
  try {
    return certificate.checkPrivateKey(createPrivateKey(key));
  } catch {
    return false;
  }
}

/** Why this pair cannot go on being used as a leaf of `issuer` for `names`; undefined when it can. */
export function leafDefect(
  pair: { readonly certificate: string; readonly key: string },
  issuer: X509Certificate,
  names: readonly string[],
  nowMs: number,
): string | undefined {
  const certificate = readCertificate(pair.certificate);
  if (certificate === undefined) return 'not readable';
  if (!keyMatches(certificate, pair.key)) return 'the key is not the certificate’s';
  if (!certificate.checkIssued(issuer) || !certificate.verify(issuer.publicKey)) {
    return 'signed by another authority';
  }
  const facts = certificateFacts(certificate);
  if (facts.notAfterMs - nowMs < renewBeforeMs) return 'expires soon';
  if ([...facts.names].sort().join() !== [...names].sort().join()) return 'made for other names';
  return undefined;
}

export interface CertificateProblem {
  readonly file: 'certificate' | 'key';
  readonly message: string;
  readonly hint: string;
}

/** Everything that is wrong with a user's own certificate for `domain`. */
export function userCertificateProblems(
  pair: { readonly certificate: string; readonly key: string },
  domain: string,
  nowMs: number,
): readonly CertificateProblem[] {
  const certificate = readCertificate(pair.certificate);
  if (certificate === undefined) {
    return [
      {
        file: 'certificate',
        message: 'holds no PEM certificate that can be read',
        hint: 'The file should start with -----BEGIN CERTIFICATE-----, the site’s own certificate first, then its chain.',
      },
    ];
  }
  const facts = certificateFacts(certificate);
  return [
    ...keyProblems(certificate, pair.key),
    ...validityProblems(facts, nowMs),
    ...domainProblems(certificate, facts, domain),
  ];
}

function keyProblems(certificate: X509Certificate, key: string): readonly CertificateProblem[] {
  try {
    createPrivateKey(key);
  } catch {
    return [
      {
        file: 'key',
        message: key.includes('ENCRYPTED') ? 'is encrypted' : 'holds no PEM private key that can be read',
        hint: 'Give the key as an unencrypted PEM file that only you can read.',
      },
    ];
  }
  if (keyMatches(certificate, key)) return [];
  return [
    {
      file: 'key',
      message: 'is not the key of the first certificate in the certificate file',
      hint: 'The certificate file must have the site’s own certificate first, and the key must belong to it.',
    },
  ];
}

function validityProblems(facts: CertificateFacts, nowMs: number): readonly CertificateProblem[] {
  if (facts.notAfterMs <= nowMs) {
    const since = new Date(facts.notAfterMs).toISOString();
    return [
      { file: 'certificate', message: `expired at ${since}`, hint: 'Renew it, then run the command again.' },
    ];
  }
  if (facts.notBeforeMs > nowMs) {
    const from = new Date(facts.notBeforeMs).toISOString();
    return [
      {
        file: 'certificate',
        message: `is valid only from ${from}`,
        hint: 'Check this machine’s clock, or wait until then.',
      },
    ];
  }
  return [];
}

function domainProblems(
  certificate: X509Certificate,
  facts: CertificateFacts,
  domain: string,
): readonly CertificateProblem[] {
  const covered =
    isIP(domain) === 0
      ? certificate.checkHost(domain) !== undefined
      : certificate.checkIP(domain) !== undefined;
  if (covered) return [];
  const names = facts.names.length === 0 ? 'no name' : facts.names.join(', ');
  return [
    {
      file: 'certificate',
      message: `does not cover ${domain} (it is for ${names})`,
      hint: `Set site.domain to a name that the certificate has, or get one for ${domain}.`,
    },
  ];
}
