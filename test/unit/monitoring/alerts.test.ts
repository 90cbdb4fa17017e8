/** Each alert on series that make it fire, and on such that come close, by `promtool test rules`. */
import { describe, expect, it } from 'vitest';
import type { Alert } from '#src/render/monitoring/rules/alert.ts';
import { alertsOf, ruleFile } from '#src/render/monitoring/rules/rule-file.ts';
import { monitoringOf } from '#src/topology/monitoring.ts';
import { referenceSpec } from '#test/fixtures/spec.ts';
import { testRules } from '#test/support/promtool.ts';
import { type AlertCase, alertCases } from './alert-cases.ts';

const spec = referenceSpec({ monitoring: {} });
const monitoring = monitoringOf(spec);
if (monitoring === undefined) throw new Error('the reference stack has monitoring');
const alerts = alertsOf(spec, monitoring);
const rules = ruleFile(spec, monitoring);

const everybody = Object.fromEntries(spec.hosts.map(({ name }) => [name, '1x200']));

/** promtool compares annotations as well: what the alert says, with the labels in place. */
function expected(alert: Alert, { labels, summary }: AlertCase['fires'][number]) {
  const filled = (text: string) =>
    text.replaceAll(/\{\{ \$labels\.(\w+) \}\}/g, (_, label: string) => labels[label] ?? '');
  return {
    exp_labels: { severity: alert.severity, ...labels },
    exp_annotations: {
      summary,
      description: filled(alert.description),
      action: filled(alert.action),
    },
  };
}

function testOf({ alert: name, series, up = everybody, at, fires }: AlertCase) {
  const [alert] = alerts.filter((candidate) => candidate.name === name);
  if (alert === undefined) throw new Error(`there is no alert ${name}`);
  const seen = Object.fromEntries(
    Object.entries(up).map(([host, values]) => [`up{job="agent",instance="${host}"}`, values]),
  );
  return {
    interval: '15s',
    input_series: Object.entries({ ...seen, ...series }).map(([key, values]) => ({ series: key, values })),
    alert_rule_test: [
      { eval_time: `${at}s`, alertname: name, exp_alerts: fires.map((one) => expected(alert, one)) },
    ],
  };
}

const testsOf = (name: string) => ({
  evaluation_interval: '15s',
  group_eval_order: ['recorded', 'alerts'],
  tests: alertCases.filter(({ alert }) => alert === name).map(testOf),
});

/** The stack's rules without the other alerts, which would only take time. */
function only(name: string) {
  return {
    groups: rules.groups.map((group) => ({
      ...group,
      rules: group.rules.filter((rule) => !('alert' in rule) || rule.alert === name),
    })),
  };
}

describe('alerts', () => {
  it('have a case each that fires and one that does not', () => {
    const names = (fires: boolean) =>
      new Set(alertCases.filter((each) => each.fires.length > 0 === fires).map(({ alert }) => alert));
    const all = new Set(alerts.map(({ name }) => name));
    expect(names(true)).toEqual(all);
    expect(names(false)).toEqual(all);
  });

  it('fire for their causes, and not for what comes close', { timeout: 180_000 }, () => {
    const names = [...new Set(alertCases.map(({ alert }) => alert))];
    expect(testRules(names.map((name) => ({ rules: only(name), tests: testsOf(name) })))).toBe('');
  });

  it('are found out when they do not', () => {
    const name = alerts[0]?.name ?? '';
    expect(testRules([{ rules: only('HostDown'), tests: testsOf(name) }])).toContain(name);
  });

  it('say what, where and what to do next', () => {
    for (const { name, summary, description, action } of alerts) {
      for (const text of [summary, description, action]) {
        expect(text, name).toMatch(/^.{12,}[.]$/s);
        expect(text.length, name).toBeLessThan(400);
      }
    }
  });
});
