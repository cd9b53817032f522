/** Variables of nginx that Holdfast does not have, and what to do in their place. Data by family, as for directives. */

interface RefusedVariables {
  /** Names as they are, or all that begin with what stands before a `*`. */
  readonly names: string
  readonly hint: string
}

export const REFUSED_VARIABLES: readonly RefusedVariables[] = [
  { names: "tcpinfo_*", hint: "Node.js does not tell what the kernel knows of a connection" },
  {
    names: "ssl_curve ssl_curves ssl_ciphers ssl_sigalg ssl_client_sigalg ssl_ech_*",
    hint: 'Node.js does not tell; there are "$ssl_protocol" and "$ssl_cipher"',
  },
  {
    names: "modern_browser ancient_browser msie",
    hint: 'use a "map" of "$http_user_agent"',
  },
  { names: "geoip_*", hint: 'use "geo" with a list of networks' },
  {
    names: "secure_link secure_link_expires",
    hint: 'check the signature in the backend or in a service that "auth_request" asks',
  },
  { names: "date_local date_gmt", hint: 'they belong to SSI; use "$time_local" or "$time_iso8601"' },
  { names: "slice_range", hint: "there is no cache to fill in slices" },
  {
    names: "upstream_cache_age upstream_cache_key upstream_cache_last_modified",
    hint: "there is no cache",
  },
  { names: "upstream_last_*", hint: '"$upstream_addr" names the servers that were asked' },
  { names: "quic", hint: 'there is no QUIC in Node.js yet; "$server_protocol" tells the version' },
  { names: "uid_got uid_set uid_reset", hint: 'there is no "userid"; use "$cookie_NAME" and "$request_id"' },
  { names: "jwt_* oidc_*", hint: 'take what the service of "auth_request" says, by "auth_request_set"' },
  { names: "otel_*", hint: 'use "$request_id"' },
  { names: "acme_*", hint: "name the files of the certificate" },
  { names: "session_log_*", hint: 'use "$request_id"' },
  { names: "fastcgi_*", hint: "there is no FastCGI" },
  { names: "memcached_key", hint: "there is no memcached" },
  {
    names: "bytes_received session_time protocol ssl_preread_* mqtt_preread_* upstream_session_time",
    hint: 'it belongs to nginx\'s stream module; there are "$request_length" and "$request_time"',
  },
]

const FAMILIES = REFUSED_VARIABLES.flatMap(({ names, hint }) =>
  names.split(" ").map((name) => ({ name, hint })),
)

/** The error for a variable that there is not, as nginx words it; for one of nginx's own, what to do. */
export function unknownVariable(name: string): string {
  for (const family of FAMILIES)
    if (fits(name, family.name)) return `variable "$${name}" is not supported by Holdfast: ${family.hint}`
  return `unknown "${name}" variable`
}

function fits(name: string, pattern: string): boolean {
  return pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : name === pattern
}
