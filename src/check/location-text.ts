/** How findings speak of other places of the configuration. */
import type { Location } from "./model.ts"
import type { Node } from "./tree.ts"

/** `location ~ ^/ws` */
export function locationText({ node }: Location): string {
  return `\`location ${node.args.join(" ")}\``
}

/** "line 7", or with its file where that is another than the one that `near` stands in. */
export function placeOf({ position: { file, line } }: Node, near: Node): string {
  return file === near.position.file ? `line ${line}` : `${file}:${line}`
}
