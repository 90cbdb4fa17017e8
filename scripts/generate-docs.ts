/**
 * Writes what is generated in docs: the stack file's reference from its schema, the dashboard's API from its routes,
 * Grafana's dashboards.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openApi } from '#src/dashboard/server/openapi.ts';
import { dashboardJson } from '#src/render/monitoring/grafana/dashboard-json.ts';
import { dashboards } from '#src/render/monitoring/grafana/panels.ts';
import { jsonSchema, referencePage } from '#src/spec/reference.ts';

const docs = join(import.meta.dirname, '../docs');
writeFileSync(join(docs, 'reference/tandem.schema.json'), jsonSchema());
writeFileSync(join(docs, 'reference/stack-file.md'), referencePage());
writeFileSync(join(docs, 'openapi.json'), `${JSON.stringify(openApi(), null, 2)}\n`);
for (const dashboard of dashboards)
  writeFileSync(join(docs, 'grafana', `${dashboard.name}.json`), dashboardJson(dashboard));
