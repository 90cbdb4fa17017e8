/** Alerts on hosts: whether they are there, their disks, processors, memory, services, certificates, clocks. */
import { recorded } from '#src/topology/monitoring.ts';
import { type Alert, type AlertContext, seen } from './alert.ts';

export function hostAlerts({ thresholds, settledSeconds }: AlertContext): readonly Alert[] {
  return [
    {
      name: 'HostDown',
      severity: 'critical',
      expression: seen('max by (instance) (up) == 0'),
      forSeconds: settledSeconds,
      summary: '{{ $labels.instance }} is down, or cut off.',
      description: 'None of its services answers Prometheus.',
      action: "Look at the machine and its network. When it is back, 'tandem up' mends what is missing.",
    },
    ...certificateAlerts(thresholds.certificateDays),
    ...serviceAlerts(),
    ...resourceAlerts(thresholds),
    {
      name: 'ClockSkew',
      severity: 'warning',
      expression: 'max by (instance) (abs(tandem_clock_offset_seconds)) > 0.5',
      forSeconds: 300,
      summary: 'Clocks differ by {{ $value | printf "%.1f" }} s, seen from {{ $labels.instance }}.',
      description: 'Logs of several hosts can not be read together, and certificates may seem not valid yet.',
      action: 'Check time synchronisation on the hosts.',
    },
    {
      name: 'MaintenanceLong',
      severity: 'warning',
      expression: 'max(time() - tandem_maintenance_since_seconds) > 12 * 3600',
      forSeconds: 0,
      summary: 'Maintenance has been on for {{ $value | humanizeDuration }}.',
      description: 'Nothing fails over meanwhile, and all other alerts are silent.',
      action: "'tandem maintenance off'.",
    },
  ];
}

function certificateAlerts(days: number): readonly Alert[] {
  const left = 'tandem_certificate_not_after_seconds - time()';
  const alert = {
    name: 'CertificateEnds',
    forSeconds: 0,
    summary: '{{ $labels.file }} on {{ $labels.instance }} ends in {{ $value | humanizeDuration }}.',
    description:
      'It is the certificate of {{ $labels.name }}; without a new one, connections fail from then on.',
    action:
      "The stack's own: 'tandem up' renews it. Yours (site.certificate): replace the files, then 'tandem up'.",
  } as const;
  return [
    { ...alert, severity: 'warning', expression: `${left} < ${days} * 86400` },
    { ...alert, severity: 'critical', expression: `${left} < ${Math.min(3, days)} * 86400` },
  ];
}

function serviceAlerts(): readonly Alert[] {
  return [
    {
      name: 'ServiceDown',
      severity: 'warning',
      expression: 'tandem_service_up == 0',
      forSeconds: 60,
      summary: '{{ $labels.service }} on {{ $labels.instance }} does not run.',
      description: 'Its runner has not been able to bring it back for a minute.',
      action: "'tandem logs {{ $labels.instance }} {{ $labels.service }}'.",
    },
    {
      name: 'CrashLoop',
      severity: 'critical',
      expression: 'tandem_service_crash_loop == 1 or increase(tandem_service_restarts_total[10m]) > 4',
      forSeconds: 0,
      summary: '{{ $labels.service }} on {{ $labels.instance }} ends again and again.',
      description: 'It is started again each time, with growing pauses.',
      action: "'tandem logs {{ $labels.instance }} {{ $labels.service }}' shows its last words.",
    },
  ];
}

function resourceAlerts(thresholds: AlertContext['thresholds']): readonly Alert[] {
  return [
    {
      name: 'DiskFull',
      severity: 'critical',
      expression: `100 * (1 - tandem_disk_available_bytes / tandem_disk_size_bytes) > ${thresholds.diskPercent}`,
      forSeconds: 60,
      summary: '{{ $labels.path }} on {{ $labels.instance }} is {{ $value | printf "%.0f" }} % full.',
      description: 'A database whose disk is full gives its role away, or stops.',
      action: "Make room: 'tandem exec {{ $labels.instance }} -- du -xsh {{ $labels.path }}/*'.",
    },
    {
      name: 'CpuSaturated',
      severity: 'warning',
      expression: `100 * ${recorded.cpu} > ${thresholds.cpuPercent}`,
      forSeconds: 600,
      summary: 'The processors of {{ $labels.instance }} are {{ $value | printf "%.0f" }} % busy.',
      description: `More than ${thresholds.cpuPercent} % for ten minutes.`,
      action: "'tandem exec {{ $labels.instance }} -- top' shows what takes them.",
    },
    {
      name: 'MemoryShort',
      severity: 'warning',
      expression: `100 * ${recorded.memory} > ${thresholds.memoryPercent}`,
      forSeconds: 300,
      summary: '{{ $value | printf "%.0f" }} % of the memory of {{ $labels.instance }} is in use.',
      description: 'When none is left the kernel ends the largest process, most likely the database.',
      action: "'tandem exec {{ $labels.instance }} -- top -o %MEM' shows what takes it.",
    },
    {
      name: 'OutOfMemory',
      severity: 'critical',
      expression: 'increase(node_vmstat_oom_kill[10m]) > 0',
      forSeconds: 0,
      summary: 'The kernel of {{ $labels.instance }} ended a process for want of memory.',
      description: 'Its runner starts it again, but the memory is still short.',
      action: "'tandem exec {{ $labels.instance }} -- dmesg' names the process.",
    },
  ];
}
