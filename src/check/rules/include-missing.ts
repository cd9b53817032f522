import { dirname } from "node:path"
import type { Severity } from "../finding.ts"
import type { Model } from "../model.ts"
import { rule } from "../rule.ts"

export const includeMissing = rule({
  id: "include-missing",
  severity: "error",
  title: "An include names a file that cannot be opened",
  page: {
    happens:
      "The server does not start, and a reload is refused: it goes on with the old configuration. What the file should have brought was not looked at here either.",
    shows:
      '`nginx: [emerg] open() "/etc/nginx/snippets/ws.conf" failed (2: No such file or directory) in /etc/nginx/nginx.conf:12`',
    why: "An include without wildcards must find its file; with wildcards it may find none. A relative name counts from the folder of nginx.conf (or what -p and -c say), not from the file that it stands in.",
    fix: "Put the file there, correct the name, or write it with a wildcard (`include snippets/ws[.]conf;`) where it may be absent.",
  },
  inspect(model, report) {
    const folder = dirname([...model.tree.files.keys()][0] ?? "")
    for (const node of model.tree.missing) {
      const [name = ""] = node.args
      if (isOfPackage(name, folder)) continue
      const severity = severityOf(name, folder, model)
      report(node, `${messageOf(name, severity)} What it holds was not checked.`, { argument: 0, severity })
    }
  },
})

const OF_PACKAGE =
  /^(?:\/etc\/nginx\/)?(?:mime\.types|(?:fastcgi|uwsgi|scgi|proxy)_params|fastcgi\.conf|koi-utf|koi-win|win-utf)$/
const FOLDERS = /^(?:\/usr\/local|\/opt\/homebrew)?\/etc\/nginx$|^\/usr\/(?:local\/)?(?:share\/)?nginx\/conf$/

/** Files that nginx brings with it are seldom kept with the rest, and say nothing about routing. */
function isOfPackage(name: string, folder: string): boolean {
  return OF_PACKAGE.test(name) && !FOLDERS.test(folder)
}

/** A file may be checked on another machine than the one it is for, and a part of it without the whole. */
function severityOf(name: string, folder: string, model: Model): Severity {
  const isRelative = !name.startsWith("/")
  if (isRelative) return isFragment(model) ? "info" : "error"
  return folder !== "" && folder !== "/" && name.startsWith(`${folder}/`) ? "error" : "info"
}

function messageOf(name: string, severity: Severity): string {
  if (severity === "error") return `"${name}" cannot be opened: nothing starts with this file.`
  if (name.startsWith("/"))
    return `"${name}" cannot be opened on this machine: where that is so on the server's, nothing starts.`
  return `"${name}" counts from the folder of nginx.conf, which is not being read: check that file to have it included.`
}

/** Whether a file without `http { … }` was read, which another one includes. */
function isFragment({ tree, http, main }: Model): boolean {
  if (http === null) return main.own("events").length === 0
  const { file, line, column } = http.position
  // The block that the reader puts around a fragment stands where no such text is.
  return !tree.files.get(file)?.lines[line - 1]?.startsWith("http", column - 1)
}
