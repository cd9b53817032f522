/** What a fix changes, as a unified diff that `patch` takes. */
import { createTwoFilesPatch, FILE_HEADERS_ONLY } from "diff"

/** "" where nothing changes. */
export function formatDiff(path: string, before: string, after: string): string {
  if (before === after) return ""
  const options = { context: 3, headerOptions: FILE_HEADERS_ONLY }
  return createTwoFilesPatch(path, path, before, after, undefined, undefined, options)
}
