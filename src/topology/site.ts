/** Where the site is. */
import type { Spec } from '#src/spec/spec.ts';

export function siteUrl(spec: Spec): string {
  return `https://${spec.site.addresses[0]}${portInUrl(spec)}/`;
}

/** What follows the host in the site's URLs: nothing when it has HTTPS's own port. */
export function portInUrl({ site }: Spec): string {
  return site.httpsPort === 443 ? '' : `:${site.httpsPort}`;
}
