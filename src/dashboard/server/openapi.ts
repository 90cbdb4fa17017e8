/** The API's description (OpenAPI 3.1), made from its routes and schemas; pure. */
import { z } from 'zod';
import { loginSchema, problemSchema, sessionSchema } from '../api/schemas.ts';
import { apiPrefix, type Route, routes } from './routes.ts';

export function openApi(): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const route of routes) {
    const path = `${apiPrefix}${route.path}`;
    paths[path] = { ...paths[path], [route.method]: operation(route) };
  }
  paths[`${apiPrefix}/session`] = { post: login, ...paths[`${apiPrefix}/session`] };
  paths[`${apiPrefix}/events`] = { get: events };
  return {
    openapi: '3.1.0',
    info: {
      title: "Tandem's dashboard",
      version: '1',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      description:
        'Everything that the dashboard shows and does. Keys are only ever added within a version. Errors are problem details (RFC 9457).',
    },
    security: [{ token: [] }, { session: [], csrf: [] }, { certificate: [] }],
    paths,
    components: {
      schemas: { Problem: schemaOf(problemSchema) },
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer', description: 'Of `tandem dashboard token create`.' },
        session: { type: 'apiKey', in: 'cookie', name: '__Host-tandem-dashboard' },
        csrf: {
          type: 'apiKey',
          in: 'header',
          name: 'x-tandem-csrf',
          description: 'Beside the cookie, always.',
        },
        certificate: {
          type: 'mutualTLS',
          description: "The operator's certificate (material/operator.pem).",
        },
      },
    },
  };
}

function operation(route: Route): object {
  const answer =
    route.answer === undefined
      ? { 204: { description: 'Done.' } }
      : { 200: { description: 'As asked.', content: json(route.answer) } };
  return {
    summary: route.summary,
    description: `Role: ${route.role}.`,
    ...(route.query === undefined ? {} : { parameters: parameters(route.query) }),
    ...(route.body === undefined ? {} : { requestBody: { required: true, content: json(route.body) } }),
    responses: { ...answer, default: refused },
  };
}

const refused = {
  description: 'Refused, with the reason.',
  content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
};

const login = {
  summary: 'Log in. Sets the cookie; `csrf` of the answer goes with every request.',
  security: [],
  requestBody: { required: true, content: json(loginSchema) },
  responses: { 201: { description: 'Logged in.', content: json(sessionSchema) }, default: refused },
};

const events = {
  summary:
    'Server-sent events: `state` (as of /state) whenever it has changed, `note`, and `over` when the session ends.',
  description: 'Role: viewer. A comment every five seconds is a sign of life.',
  parameters: [
    {
      name: 'Last-Event-ID',
      in: 'header',
      required: false,
      schema: { type: 'string' },
      description: 'Notes since then come first; the whole state always comes.',
    },
  ],
  responses: {
    200: { description: 'The stream.', content: { 'text/event-stream': { schema: { type: 'string' } } } },
    default: refused,
  },
};

function json(schema: z.ZodType): object {
  return { 'application/json': { schema: schemaOf(schema) } };
}

function schemaOf(schema: z.ZodType): object {
  const { $schema, ...rest } = z.toJSONSchema(schema, { io: 'input' }) as Record<string, unknown>;
  return rest;
}

function parameters(schema: z.ZodType): readonly object[] {
  const { properties = {}, required = [] } = z.toJSONSchema(schema, {
    io: 'input',
    unrepresentable: 'any',
  }) as {
    properties?: Record<string, object>;
    required?: string[];
  };
  return Object.entries(properties).map(([name, { ...value }]) => ({
    name,
    in: 'query',
    required: required.includes(name),
    schema: value,
  }));
}
