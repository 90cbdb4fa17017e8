/** Every cause of an alert that a lab can make real. */
import type { Cause } from './cause.ts';
import { databaseCauses } from './database.ts';
import { hostsCauses } from './hosts.ts';
import { monitoringCauses } from './monitoring.ts';
import { siteCauses } from './site.ts';

export const causes: readonly Cause[] = [
  ...hostsCauses,
  ...databaseCauses,
  ...siteCauses,
  ...monitoringCauses,
];

/** Alerts that no lab can make real on a machine that it shares: their rules are tried by promtool only. */
export const notProvoked = [
  'ClockSkew',
  'CpuSaturated',
  'MemoryShort',
  'OutOfMemory',
  'QuorumSpace',
] as const;
