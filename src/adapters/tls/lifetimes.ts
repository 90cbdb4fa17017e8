/**
 * How long certificates live. The authority: ten years. Leaves: 397 days, the longest that every current browser and
 * library accepts; renewed by any `tandem up` in their last third, so a stack that nobody touches for eight months keeps
 * working.
 */
const day = 86_400_000;

export const authorityLifetimeMs = 3_653 * day;
export const leafLifetimeMs = 397 * day;
/** A leaf with less than this left is renewed. */
export const renewBeforeMs = 132 * day;
/** Certificates begin this much in the past, because hosts' clocks differ (and wake up wrong after a power loss). */
export const clockSkewMs = day;
