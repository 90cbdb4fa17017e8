/** Writes what is generated in docs: the reference of the stack file from its schema, and Grafana's dashboards. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { dashboardJson } from '#src/render/monitoring/grafana/dashboard-json.ts';
import { dashboards } from '#src/render/monitoring/grafana/panels.ts';
import { jsonSchema, referencePage } from '#src/spec/reference.ts';

const docs = join(import.meta.dirname, '../docs');
writeFileSync(join(docs, 'reference/tandem.schema.json'), jsonSchema());
writeFileSync(join(docs, 'reference/stack-file.md'), referencePage());
for (const dashboard of dashboards)
  writeFileSync(join(docs, 'grafana', `${dashboard.name}.json`), dashboardJson(dashboard));
