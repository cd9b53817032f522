/** Holdfast as people install it: the built package. */

import { buildPackage } from "../../test/support/package.ts"
import { makeTempFolder, removeTempFolder } from "../../test/support/temp.ts"
import { type Edge, holdfast } from "./edges.ts"
import type { Command } from "./peer.ts"

/** `edges` with the package in place of the checkout, where Holdfast is among them; `stack` removes it. */
export async function withPackage<P extends { readonly name: string }>(
  stack: AsyncDisposableStack,
  peers: readonly P[],
): Promise<(P | Edge)[]> {
  if (!peers.some(({ name }) => name === holdfast.name)) return [...peers]
  const folder = makeTempFolder("package")
  stack.defer(() => removeTempFolder(folder))
  const program = await buildPackage(folder)
  const run = ({ args }: Command): Command => ({ command: process.execPath, args: [program, ...args] })
  const installed: Edge = {
    ...holdfast,
    prepare: (setup) => run(holdfast.prepare(setup)),
    prepareWith: (configuration, path) => run(holdfast.prepareWith(configuration, path)),
  }
  return peers.map((peer) => (peer.name === holdfast.name ? installed : peer))
}

/** What a row of the results says of a peer that `withPackage` has put in. */
export function packageNote({ name }: { readonly name: string }): string {
  return name === holdfast.name ? ", built package" : ""
}
