import type { Request } from "./request.ts"

/** The type by the URI's extension, or the default. ngx_http_set_content_type, ngx_http_set_exten. */
export function contentTypeOf(request: Request): string {
  const { types, defaultType } = request.location.settings
  const uri = request.uri
  const dot = uri.lastIndexOf(".")
  // A name that begins with the dot has no extension, where it is the first of the path.
  if (dot <= 1 || uri.indexOf("/", dot) !== -1) return defaultType
  return types.get(uri.slice(dot + 1).toLowerCase()) ?? defaultType
}
