/** proxy_buffers and what must fit to it: the checks of ngx_http_proxy_merge_loc_conf. */
import { HoldfastError } from "../../base/error.ts"
import type { Scope } from "../../config/scope.ts"

/** In bytes; undefined for what is left to its default. */
export interface BufferSettings {
  readonly proxy_buffer_size: number
  readonly proxy_buffers: { readonly count: number; readonly sizeBytes: number }
  readonly proxy_busy_buffers_size: number | undefined
  readonly proxy_temp_file_write_size: number | undefined
  readonly proxy_max_temp_file_size: number
}

const LARGEST = 'the maximum of the value of "proxy_buffer_size" and one of the "proxy_buffers"'

/** Throws VALUE where the sizes do not go together, at the end of the `http` block, as nginx does. */
export function checkBuffers(conf: BufferSettings, scope: Scope): void {
  const fault = bufferFault(conf)
  if (fault === undefined) return
  let http = scope
  while (http.parent !== null && http.directive?.name !== "http") http = http.parent
  const { directive } = http
  const end = directive?.block?.endLine
  const position = directive?.position
  throw new HoldfastError(
    "VALUE",
    fault,
    position === undefined ? undefined : { ...position, line: end ?? position.line },
  )
}

function bufferFault(conf: BufferSettings): string | undefined {
  const { count, sizeBytes } = conf.proxy_buffers
  if (count < 2) return 'there must be at least 2 "proxy_buffers"'
  const largest = Math.max(conf.proxy_buffer_size, sizeBytes)
  const busy = conf.proxy_busy_buffers_size ?? 2 * largest
  if (busy < largest) return `"proxy_busy_buffers_size" must be equal to or greater than ${LARGEST}`
  if (busy > (count - 1) * sizeBytes)
    return '"proxy_busy_buffers_size" must be less than the size of all "proxy_buffers" minus one buffer'
  if ((conf.proxy_temp_file_write_size ?? 2 * largest) < largest)
    return `"proxy_temp_file_write_size" must be equal to or greater than ${LARGEST}`
  const max = conf.proxy_max_temp_file_size
  if (max !== 0 && max < largest)
    return `"proxy_max_temp_file_size" must be equal to zero to disable temporary files usage or must be equal to or greater than ${LARGEST}`
  return undefined
}
