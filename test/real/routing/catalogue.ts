/** Reads the catalogue from a server, by the queries that a router sends. */
import { buildCatalogue, type Catalogue } from '#src/routing/catalogue.ts';
import { catalogueQueries, rowsFrom } from '#src/routing/catalogue-queries.ts';
import type { MariadbServer } from '#test/real/mariadb/server.ts';

export async function readFromServer(server: MariadbServer): Promise<Catalogue> {
  const answers = {
    tables: await server.rows(catalogueQueries.tables),
    views: await server.rows(catalogueQueries.views),
    routines: await server.rows(catalogueQueries.routines),
    parameters: await server.rows(catalogueQueries.parameters),
    triggers: await server.rows(catalogueQueries.triggers),
  };
  return buildCatalogue(rowsFrom(answers));
}
