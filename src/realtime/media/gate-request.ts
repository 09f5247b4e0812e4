/** The headers by which a reverse proxy describes a request that it has not passed on yet; each with all its values. */
export interface ForwardedRequest {
  /** `X-Forwarded-Uri`: path and query. */
  readonly uris: readonly string[];
  /** `X-Forwarded-Method`. */
  readonly methods: readonly string[];
  /** `Authorization` of the client. */
  readonly authorizations: readonly string[];
}

/** Where livekit-server 1.13 lets somebody in, and where clients ask why they were not (pkg/service/rtcservice.go). */
const paths: ReadonlySet<string> = new Set(['/rtc', '/rtc/validate', '/rtc/v1', '/rtc/v1/validate']);
/** `name=value` of a query; LiveKit's own names are like this, and a name that is encoded hides what it is. */
const parameter = /^([a-z][a-z0-9_]*)=((?:[A-Za-z0-9\-._~!$'()*+,:@/?=]|%[0-9A-Fa-f]{2})*)$/;
const jsonWebToken = /^[\w-]+\.[\w-]+\.[\w-]+$/;
const bearer = /^Bearer ([\w.-]+)$/;
const longestToken = 4_096;

/**
 * The one token of a request to join a room; null when LiveKit might understand the request in another way than it is
 * understood here: another path or method, parameters that are doubled or disguised, a token in two places. And when it
 * asks for a second identity: `publish=x` joins as `<identity>#x`, which calls for `<identity>` do not reach.
 */
export function tokenOf({ uris, methods, authorizations }: ForwardedRequest): string | null {
  const [uri = ''] = uris;
  if (uris.length !== 1 || methods.length > 1 || (methods[0] ?? 'GET') !== 'GET') return null;
  const queryAt = uri.indexOf('?');
  if (!paths.has(queryAt < 0 ? uri : uri.slice(0, queryAt))) return null;
  const parameters = queryAt < 0 ? new Map<string, string>() : parametersOf(uri.slice(queryAt + 1));
  if (parameters === null || parameters.has('publish')) return null;

  const inQuery = parameters.get('access_token');
  const given = [
    ...(inQuery === undefined ? [] : [inQuery]),
    ...authorizations.map((value) => bearer.exec(value)?.[1]),
  ];
  const [token] = given;
  if (given.length !== 1 || token === undefined || token.length > longestToken) return null;
  return jsonWebToken.test(token) ? token : null;
}

/** By name, values as they stand; null when the query is not a plain list in which each name stands once. */
function parametersOf(query: string): Map<string, string> | null {
  const parameters = new Map<string, string>();
  for (const pair of query.split('&')) {
    const [, name, value] = parameter.exec(pair) ?? [];
    if (name === undefined || value === undefined || parameters.has(name)) return null;
    parameters.set(name, value);
  }
  return parameters;
}
