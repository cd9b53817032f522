import { type ComparisonCase, get } from "./case.ts"

/** What there is, below a folder of the case's own. */
export const FILES = {
  "{id}/index.html": "the index\n",
  "{id}/file.txt": "0123456789",
  "{id}/empty": "",
  "{id}/page.html": "<p>page</p>\n",
  "{id}/a.b/plain": "no extension\n",
  "{id}/.html": "a hidden name\n",
  "{id}/up.HTML": "in capitals\n",
  "{id}/sp ace/file": "spaces\n",
  "{id}/sub/index.html": "the index of sub\n",
  "{id}/sub/index.php": "no php here\n",
  "{id}/none/file": "a folder without an index\n",
  "{id}/deep/er/index.html": "deep\n",
  "{id}/404.html": "not there, says the page\n",
  "{id}/large.bin": "0123456789abcdef".repeat(20_000),
}

const LOGGED = "error_log logs/{id}.err notice;"
const ROOT = "root {id};"

/** A case of a server whose root is that folder, where it names no other itself. */
export function served(
  name: string,
  server: string,
  send: ComparisonCase["send"],
  status: number | readonly number[],
  more: Partial<ComparisonCase> = {},
): ComparisonCase {
  const root = /^ *root /.test(server) ? "" : ROOT
  return {
    name: `static: ${name}`,
    server: `${LOGGED} ${root} ${server}`,
    files: FILES,
    send,
    status,
    ...more,
  }
}

export function head(target: string, headers = ""): string {
  return `HEAD ${target} HTTP/1.1\r\nHost: a.test\r\n${headers}\r\n`
}

export function withMethod(method: string, target: string): string {
  return `${method} ${target} HTTP/1.1\r\nHost: a.test\r\n\r\n`
}

/** Requests with `{id}` in their targets. */
export function gets(...targets: readonly string[]): ComparisonCase["send"] {
  return async (wire) => {
    for (const target of targets) await wire.exchange(get(wire.expand(target)))
  }
}
