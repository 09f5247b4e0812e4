/** What the OpenAPI document says beside its routes: whose it is, its parts, who signs in how, its headers. */

/** `info`, `servers` and `tags` for a deployment of this name and version. */
export function aboutApi({ title, version }: { readonly title: string; readonly version: string }) {
  return {
    info: {
      title,
      version,
      summary: 'Push-to-talk groups over REST',
      description: [
        'Users, groups, sessions and history of a push-to-talk service. Talking itself goes over the WebSocket at `/ws`.',
        '',
        'Bodies are strict JSON: an unknown key is refused. Answers may gain fields, and lists of values may gain',
        'values: ignore what you do not know. Refusals are problems (RFC 9457) with a stable `code`; what does not',
        'exist and what you may not know of are one answer, 404 `not_found`, as are unknown paths and methods.',
      ].join('\n'),
      contact: { name: `Whoever operates ${title}` },
      license: { name: 'Apache License 2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/', description: 'The server that this document comes from' }],
    tags: [
      { name: 'auth', description: 'Signing in and out, tokens, sessions and the own password' },
      { name: 'groups', description: 'What members see of their groups' },
      { name: 'admin: users', description: 'Who there is' },
      { name: 'admin: groups', description: 'Groups, their members and their managers' },
      { name: 'admin: history', description: 'Who talked when, in all groups' },
      { name: 'admin: sessions', description: 'Who is signed in, on which device' },
      { name: 'admin: live', description: 'Who talks and who is there, in all groups' },
      { name: 'admin: audit', description: 'Who did what' },
      { name: 'operations', description: 'For those who run the server' },
    ],
  };
}

export const securitySchemes = {
  session: {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'JWT',
    description: 'The `accessToken` of a session. Routes under `/api/v1/admin` ask for the session of an admin.',
  },
  metrics: {
    type: 'http',
    scheme: 'bearer',
    description: '`METRICS_TOKEN` of the deployment. Outside production nothing is asked for.',
  },
  livekit: {
    type: 'apiKey',
    in: 'header',
    name: 'Authorization',
    description:
      'A JWT alone, signed by LiveKit with the key that it shares with this server, with the `sha256` of the body.',
  },
} as const;

/** Components for the headers of answers. */
export const headers = {
  'X-Request-Id': {
    description: 'The id of the request, as it stands in the log: the one that was sent, else a new one',
    required: true,
    schema: { type: 'string', pattern: '^[A-Za-z0-9._-]{1,64}$' },
    example: '01890a61-4f3b-7e20-8d5a-0c2b91f7a6e4',
  },
  'Retry-After': {
    description: 'After how many seconds trying again makes sense',
    schema: { type: 'integer', minimum: 1 },
    example: 1,
  },
  'WWW-Authenticate': {
    description: 'How to sign in (RFC 6750)',
    required: true,
    schema: { type: 'string', const: 'Bearer' },
    example: 'Bearer',
  },
} as const;
